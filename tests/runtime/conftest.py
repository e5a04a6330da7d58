"""Models that run in the test's own process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import sentencepiece_model_pb2 as proto

from model_runtime.engine import Engine
from model_runtime.families import CODE_LLAMA
from model_runtime.loading import load_engine
from tests.runtime.family_checkpoints import CHECKPOINTS

FIM_PIECES = (
    CODE_LLAMA.fim.prefix,
    CODE_LLAMA.fim.suffix,
    CODE_LLAMA.fim.middle,
    CODE_LLAMA.fim.end,
)
TINY_SHAPE: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "rms_norm_eps": 1e-5,
    "initializer_range": 0.2,
}


def save_random_llama(folder: Path, tokenizer: Path, **shape: Any) -> Path:
    """A random model of the real architecture, saved as transformers saves it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    rope = shape.pop("rope_parameters", {"rope_type": "default", "rope_theta": 1e6})
    config = LlamaConfig(**(TINY_SHAPE | shape), rope_parameters=rope)
    LlamaForCausalLM(config).save_pretrained(folder)
    shutil.copy(tokenizer, folder / "tokenizer.model")
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, starter_folder: Path) -> Path:
    return save_random_llama(tmp_path_factory.mktemp("tiny"), starter_folder / "tokenizer.model")


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Iterator[Engine]:
    engine = load_engine(tiny_folder)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def starter(starter_folder: Path) -> Iterator[Engine]:
    engine = load_engine(starter_folder)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def llama2_pieces(shared_data: Path) -> bytes:
    return (shared_data / "llama2-tokenizer.model").read_bytes()


@pytest.fixture(
    params=[
        proto.ModelProto.SentencePiece.CONTROL,
        proto.ModelProto.SentencePiece.USER_DEFINED,
        proto.ModelProto.SentencePiece.NORMAL,
    ],
    ids=["control", "user-defined", "normal"],
)
def code_llama_tokenizer_file(
    request: pytest.FixtureRequest, llama2_pieces: bytes, tmp_path: Path
) -> Path:
    """Llama 2's tokenizer with Code Llama's 16 additional pieces, the infilling ones as each type.

    In Code Llama's own file they are normal pieces that merge out of shorter ones.
    """
    model = proto.ModelProto()
    model.ParseFromString(llama2_pieces)
    kind = request.param
    stems = ("▁<PR", "▁<PRE", "▁<SU", "▁<SUF", "▁<MI", "▁<MID", "▁<EO")
    rest = ("▁<EOT", *tuple(f"▁<extra{i}>" for i in range(4)))
    for number, piece in enumerate((*stems, *FIM_PIECES, *rest)):
        is_fim = piece in FIM_PIECES
        model.pieces.add(
            piece=piece,
            score=-1.0 - number if kind == proto.ModelProto.SentencePiece.NORMAL else -1e6,
            type=kind if is_fim else proto.ModelProto.SentencePiece.NORMAL,
        )
    model.trainer_spec.vocab_size = len(model.pieces)
    file = tmp_path / "tokenizer.model"
    file.write_bytes(model.SerializeToString())
    return file


@pytest.fixture(scope="session")
def family_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config and a tokenizer of each family, without weights."""
    folder = tmp_path_factory.mktemp("families")
    for checkpoint in CHECKPOINTS:
        checkpoint.write_config(folder / checkpoint.name)
    return folder
