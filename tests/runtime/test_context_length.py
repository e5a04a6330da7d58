"""`--context-length`: what a checkpoint is good for, and what the memory has room for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from model_runtime.api import OutOfMemory, RuntimeFailure, UnsupportedModel
from model_runtime.config import read_config
from model_runtime.context_length import choose_context, longest_context, slots_that_fit
from model_runtime.families import CODE_LLAMA, OTHER
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.memory_plan_shapes import official_config
from model_runtime.step import Row
from model_runtime.transformers_loading import Placement, load_transformers_model
from tests.runtime.conftest import save_random_llama
from tests.runtime.running import run

CPU = torch.device("cpu")
USUAL = 8192
GIB = 2**30
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path, starter_folder: Path) -> Save:
    """Saves a Llama of 256 trained positions, stretched as told."""

    def save_with(rope: dict[str, Any], **shape: Any) -> Path:
        tokenizer = starter_folder / "tokenizer.model"
        return save_random_llama(tmp_path / "model", tokenizer, rope_parameters=rope, **shape)

    return save_with


def test_code_llama_is_run_as_usual_and_reaches_beyond_its_training() -> None:
    config = official_config("codellama/CodeLlama-7b-hf")
    assert config is not None
    assert config.context_length == 16_384
    assert choose_context(0, config, CODE_LLAMA, USUAL) == USUAL
    assert choose_context(16_384, config, CODE_LLAMA, USUAL) == 16_384
    assert choose_context(100_000, config, CODE_LLAMA, USUAL) == 100_000
    with pytest.raises(RuntimeFailure, match=r"100001 tokens is more .* 100000") as failure:
        choose_context(100_001, config, CODE_LLAMA, USUAL)
    assert "--context-length 100000" in failure.value.hint


def test_other_families_keep_to_what_they_were_trained_with() -> None:
    config = official_config("codellama/CodeLlama-7b-hf")
    assert config is not None
    assert longest_context(config, OTHER) == 16_384


def test_a_context_without_room_for_an_answer_is_refused() -> None:
    config = official_config("codellama/CodeLlama-7b-hf")
    assert config is not None
    with pytest.raises(RuntimeFailure, match="no room"):
        choose_context(3, config, CODE_LLAMA, USUAL)


@pytest.mark.parametrize(
    ("rope", "longest"),
    [
        ({"rope_type": "default", "rope_theta": 1e6}, 256),
        ({"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}, 1024),
        ({"rope_type": "yarn", "factor": 2.0, "rope_theta": 1e4}, 512),
        (
            {
                "rope_type": "yarn", "factor": 2.0, "rope_theta": 1e4,
                "original_max_position_embeddings": 128,
            },
            256,
        ),
        (
            {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 5e5,
            },
            256,
        ),
    ],
    ids=["default", "linear", "yarn", "yarn from less", "llama3"],
)  # fmt: skip
def test_stretched_positions_reach_as_far_as_they_are_stretched(
    rope: dict[str, Any], longest: int, save: Save
) -> None:
    assert longest_context(read_config(save(rope)), OTHER) == longest


def test_a_chosen_length_is_the_engines(save: Save) -> None:
    """Beyond the trained length: positions are computed, and text that is too long for the usual
    length stays whole.
    """
    folder = save({"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4})
    text = "".join(f"value_{number} = {number}\n" for number in range(60))
    with closing(load_engine(folder)) as engine:
        assert engine.info.context_length == 256
        usual = run(engine, text, max_tokens=4).usage
    with closing(load_engine(folder, LoadOptions(context_length=1000))) as engine:
        assert engine.info.context_length == 1000
        longer = run(engine, text, max_tokens=4).usage
    assert usual.prompt_tokens < 256 < longer.prompt_tokens < 1000
    with closing(load_engine(folder, LoadOptions(context_length=128))) as engine:
        assert engine.info.context_length == 128


@pytest.mark.parametrize(
    ("rope", "is_lean"),
    [
        ({"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}, True),
        ({"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}, False),
    ],
    ids=["linear", "yarn"],
)
def test_positions_beyond_training_are_those_of_transformers(
    rope: dict[str, Any], is_lean: bool, save: Save
) -> None:
    """YaRN goes to the class of transformers; the slots hold what it computes."""
    from transformers import LlamaForCausalLM

    folder = save(rope)
    assert read_config(folder).is_lean is is_lean
    ids = [(7 * number) % 500 + 3 for number in range(600)]
    reference = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        expected = reference(torch.tensor([ids])).logits[0, -1]
    model = load_transformers_model(folder, Placement(device=CPU, dtype=torch.float32))
    kv = KVTensors(model.kv_shape, 1, 640, dtype=torch.float32, device=CPU)
    model.forward([Row(0, 0, ids[:400], 0)], kv)
    ours = model.forward([Row(0, 400, ids[400:])], kv)[0]
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_positions_that_move_are_refused_before_weights_are_read(kind: str, save: Save) -> None:
    rope: dict[str, Any] = {"rope_type": kind, "factor": 2.0, "rope_theta": 1e4}
    if kind == "longrope":
        rope |= {"long_factor": [2.0] * 8, "short_factor": [1.0] * 8}
    folder = save({"rope_type": "default", "rope_theta": 1e4})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rope_parameters": rope}))
    (folder / "model.safetensors").write_bytes(b"not looked at")
    with pytest.raises(UnsupportedModel, match=kind):
        load_transformers_model(folder, Placement(device=CPU, dtype=torch.float32))


def test_memory_that_does_not_suffice_says_what_would_fit() -> None:
    """Code Llama 7B takes half a MiB for each token in 16 bits."""
    assert slots_that_fit(16_384, 2**19, 20 * GIB, 25 * GIB) == 2
    with pytest.raises(OutOfMemory) as failure:
        slots_that_fit(100_000, 2**19, 20 * GIB, 25 * GIB)
    message = str(failure.value)
    assert "takes 48.8 GiB" in message
    assert "20.0 GiB of the 25.0 GiB that are free" in message
    assert "--context-length 40960 or less" in message


def test_a_context_that_does_not_fit_is_refused_when_loading(save: Save) -> None:
    folder = save({"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4})
    per_token = 2 * 3 * 2 * 16 * 4
    options = LoadOptions(context_length=1000, kv_memory=f"{600 * per_token / 1e6}MB")
    with pytest.raises(OutOfMemory, match="1000 tokens") as failure:
        load_engine(folder, options)
    assert "--context-length 512" in failure.value.hint


def test_what_a_model_without_weights_would_need_is_not_loaded_first(
    tiny_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (folder / "model.safetensors").write_bytes(b"not looked at")
    with pytest.raises(RuntimeFailure, match="more than the model is good for: 256"):
        load_engine(folder, LoadOptions(context_length=257))
