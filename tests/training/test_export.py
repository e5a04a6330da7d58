"""The model folder that is shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from model_runtime.config import read_config
from model_runtime.habits import Habits
from tests.training.conftest import TINY
from training.checkpoint import Progress, save_checkpoint
from training.corpus.build import Document
from training.export import export_model, hugging_face_config, read_folder, write_weights
from training.folders import STARTER_FOLDER
from training.model import LanguageModel, ModelShape
from training.optim import make_optimizers
from training.tokenizer import Tokenizer, train_tokenizer

MEBIBYTE = 2**20


@pytest.mark.filterwarnings("ignore")
def test_transformers_computes_the_same_logits(tmp_path: Path, tiny_model: LanguageModel) -> None:
    transformers = pytest.importorskip("transformers")
    write_weights(tiny_model, tmp_path, torch.float32)
    theirs = transformers.LlamaForCausalLM.from_pretrained(
        tmp_path, dtype=torch.float32, attn_implementation="sdpa"
    )
    ids = torch.randint(0, TINY.vocab_size, (2, 90), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        difference = (theirs(ids).logits - tiny_model(ids)).abs().max()
    assert float(difference) == 0.0


def test_an_exported_checkpoint_reads_back(tmp_path: Path, tiny_model: LanguageModel) -> None:
    checkpoint, folder = tmp_path / "c.pt", tmp_path / "model"
    save_checkpoint(checkpoint, tiny_model, make_optimizers(tiny_model, 1e-3, 1e-3), Progress())
    export_model(checkpoint, STARTER_FOLDER, folder)
    again = read_folder(folder)
    assert again.shape == TINY
    for name, weight in tiny_model.state_dict().items():
        assert torch.equal(weight.bfloat16().float(), again.state_dict()[name])
    assert (folder / "tokenizer.model").exists()
    assert read_config(folder).habits == read_config(STARTER_FOLDER).habits != Habits()


def test_the_shipped_model_is_what_this_code_builds() -> None:
    assert read_folder(STARTER_FOLDER).shape == ModelShape()
    shipped = json.loads((STARTER_FOLDER / "config.json").read_text())
    assert hugging_face_config(ModelShape(), torch.bfloat16) == shipped
    assert (STARTER_FOLDER / "model.safetensors").stat().st_size < 32 * MEBIBYTE


def test_a_trained_tokenizer_knows_the_infilling_tokens_by_id_only(
    tmp_path: Path, documents: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    monkeypatch.setattr("training.tokenizer.VOCAB_SIZE", 420)
    train_tokenizer((document.text for document in documents), tmp_path)
    tokenizer = Tokenizer(tmp_path / "tokenizer.model")
    control = {tokenizer.pre, tokenizer.suf, tokenizer.mid, tokenizer.eot}
    assert len(control) == 4
    spelt_out = 'x = "</s> ▁<PRE> <EOT>"\n'
    assert control.isdisjoint(tokenizer.encode(spelt_out))
    fast = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for document in documents:
        ids = tokenizer.encode(document.text)
        assert ids == fast.encode(document.text, add_special_tokens=False).ids
        assert tokenizer.decode(ids) == fast.decode(ids) == document.text
