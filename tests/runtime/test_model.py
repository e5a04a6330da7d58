"""Our forward pass against transformers' LlamaForCausalLM on the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from model_runtime.api import LoadProgress
from model_runtime.checkpoint import load_model
from model_runtime.config import read_config
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.model import LlamaModel
from model_runtime.step import Row
from tests.runtime.conftest import save_random_llama

CPU = torch.device("cpu")
SHAPES: dict[str, dict[str, Any]] = {
    "grouped heads": {},
    "one head each": {"num_key_value_heads": 4},
    "tied embeddings": {"tie_word_embeddings": True},
    "positions by the factor": {
        "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}
    },
    "positions as in Llama 3": {
        "rope_parameters": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64, "rope_theta": 5e5,
        }
    },
}  # fmt: skip


def ignore(_: LoadProgress) -> None:
    return


def load_both(folder: Path) -> tuple[LlamaModel, Any]:
    from transformers import LlamaForCausalLM

    ours = load_model(folder, read_config(folder), CPU, torch.float32, ignore)
    return ours, LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def our_logits(model: LlamaModel, ids: list[int], chunks: list[int]) -> torch.Tensor:
    """The last token's logits, with the prompt computed in steps of the given sizes."""
    kv = KVTensors(model.kv_shape, 2, 256, dtype=model.dtype, device=CPU)
    start, logits = 0, torch.empty(0)
    for size in chunks:
        logits = model.forward([Row(1, start, ids[start : start + size])], kv)[0]
        start += size
    assert start == len(ids)
    return logits


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("chunks", [[90], [89, 1], [40, 1, 1, 3, 45]], ids=str)
def test_logits_equal_the_reference(
    shape: dict[str, Any], chunks: list[int], tmp_path: Path, starter_folder: Path
) -> None:
    folder = save_random_llama(tmp_path, starter_folder / "tokenizer.model", **shape)
    ours, reference = load_both(folder)
    ids = torch.randint(3, 8000, (90,), generator=torch.Generator().manual_seed(1)).tolist()
    with torch.inference_mode():
        expected = reference(torch.tensor([ids])).logits[0, -1]
    torch.testing.assert_close(our_logits(ours, ids, chunks), expected, rtol=1e-4, atol=1e-4)
    assert ours.num_parameters == reference.num_parameters()


def test_the_starter_decodes_as_the_reference_does(starter_folder: Path) -> None:
    ours, reference = load_both(starter_folder)
    ids = torch.randint(3, 8000, (60,), generator=torch.Generator().manual_seed(2)).tolist()
    expected = reference.generate(
        torch.tensor([ids]), max_new_tokens=24, do_sample=False, eos_token_id=None, pad_token_id=0
    )[0, 60:].tolist()
    generated: list[int] = []
    for _ in range(24):
        now = ids + generated
        generated.append(int(our_logits(ours, now, [len(now)]).argmax()))
    assert generated == expected
