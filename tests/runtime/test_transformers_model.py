"""Model classes of transformers over slots, against their own plain forward pass."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from model_runtime.api import LoadProgress, UnsupportedModel
from model_runtime.config import read_config
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.loading import load_model
from model_runtime.models import resolve_model
from model_runtime.step import CausalModel, Row
from model_runtime.transformers_loading import Placement, load_transformers_model
from model_runtime.transformers_model import TransformersModel, adopt

CPU = torch.device("cpu")
VOCAB_SIZE = 300
NUM_TOKENS = 40
SHAPE: dict[str, Any] = {
    "vocab_size": VOCAB_SIZE, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "initializer_range": 0.2, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
GPT_SHAPE: dict[str, Any] = {
    "vocab_size": VOCAB_SIZE, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64,
    "initializer_range": 0.2, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", SHAPE),
    "long heads": ("Llama", SHAPE | {"head_dim": 24}),
    "a window": ("Mistral", SHAPE | {"sliding_window": 7}),
    "a window of one": ("Mistral", SHAPE | {"sliding_window": 1}),
    "biased projections": ("Qwen2", SHAPE),
    "a window in some layers": (
        "Qwen2",
        SHAPE | {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
    ),
    "normalized queries": ("Qwen3", SHAPE | {"head_dim": 16}),
    "starcoder2": ("Starcoder2", SHAPE | {"sliding_window": 7}),
    "gemma": ("Gemma", SHAPE | {"head_dim": 16}),
    "capped scores": (
        "Gemma2",
        SHAPE | {"head_dim": 16, "sliding_window": 7, "attn_logit_softcapping": 2.0},
    ),
    "another scale": ("Granite", SHAPE | {"attention_multiplier": 0.05}),
    "parallel blocks": ("Phi", SHAPE),
    "arguments not passed on": ("StableLm", SHAPE),
    "fused projections": ("Phi3", SHAPE),
    "experts": ("Mixtral", SHAPE),
    "keys and values made anew": (
        "DeepseekV2",
        SHAPE
        | {"num_key_value_heads": 4, "kv_lora_rank": 12, "q_lora_rank": None}
        | {"qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 6}
        | {"first_k_dense_replace": 1, "n_routed_experts": 4, "num_experts_per_tok": 2}
        | {"moe_intermediate_size": 16, "n_shared_experts": 1, "n_group": 1, "topk_group": 1},
    ),
    "one key head": ("GPTBigCode", GPT_SHAPE | {"multi_query": True}),
    "a key head each": ("GPT2", GPT_SHAPE),
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Steps this small are only slowed down by sharing them out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_model(name: str, shape: dict[str, Any]) -> Any:
    """Eager attention: the plainest one, and the only one that caps scores everywhere."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**shape)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


def tokens(seed: int, length: int = NUM_TOKENS) -> list[int]:
    return random.Random(seed).choices(range(3, VOCAB_SIZE), k=length)


def plain_logits(module: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = module(torch.tensor([ids])).logits[0]
    return logits


def cache_for(model: CausalModel, num_slots: int = 3) -> KVTensors:
    """Filled with what would spoil everything it got into."""
    kv = KVTensors(model.kv_shape, num_slots, 64, dtype=model.dtype, device=CPU)
    for tensor in (*kv.keys, *kv.values):
        tensor.fill_(torch.nan)
    return kv


def assert_same(ours: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "shape"), MODELS.values(), ids=MODELS.keys())
def test_logits_equal_the_plain_forward(name: str, shape: dict[str, Any]) -> None:
    """Prefill in chunks, decode and draft checks; several rows of different lengths at once."""
    module = random_model(name, shape)
    one, other = tokens(1), tokens(2)
    expected, expected_other = plain_logits(module, one), plain_logits(module, other)
    model = adopt(module)
    kv = cache_for(model)
    assert_same(model.forward([Row(2, 0, one[:17], 17)], kv), expected[:17])
    both = model.forward([Row(0, 0, other[:9], 2), Row(2, 17, one[17:30], 13)], kv)
    assert_same(both, torch.cat([expected_other[7:9], expected[17:30]]))
    rows = [Row(2, 30, one[30:31]), Row(0, 9, other[9:13], 4)]
    assert_same(model.forward(rows, kv), torch.cat([expected[30:31], expected_other[9:13]]))
    assert_same(model.forward([Row(2, 31, one[31:32])], kv), expected[31:32])
    assert model.num_parameters == module.num_parameters()


def test_a_prefill_without_logits() -> None:
    model = adopt(random_model("Llama", SHAPE))
    assert model.forward([Row(0, 0, tokens(1), 0)], cache_for(model)).shape == (0, VOCAB_SIZE)


def test_cutting_copying_and_overwriting_slots() -> None:
    module = random_model("Starcoder2", SHAPE | {"sliding_window": 7})
    one, other = tokens(1), tokens(2)
    mixed = [*one[:20], *other[:10]]
    expected, expected_mixed = plain_logits(module, one), plain_logits(module, mixed)
    model = adopt(module)
    kv = cache_for(model)
    model.forward([Row(0, 0, one)], kv)
    kv.copy_prefix(0, 1, 20)
    assert_same(model.forward([Row(1, 20, other[:10])], kv), expected_mixed[-1:])
    assert_same(model.forward([Row(0, 20, other[:10])], kv), expected_mixed[-1:])
    assert_same(model.forward([Row(0, 20, one[20:])], kv), expected[-1:])


@pytest.mark.parametrize(
    ("name", "shape", "reason"),
    [
        ("GptOss", SHAPE, "sinks"),
        ("Mamba", {"vocab_size": VOCAB_SIZE, "hidden_size": 32, "num_hidden_layers": 1}, "layers"),
        ("CodeGen", GPT_SHAPE | {"rotary_dim": 4}, "differs"),
        ("Falcon", {k: v for k, v in SHAPE.items() if k[0] != "m"} | {"alibi": True}, "differs"),
        ("Llama", SHAPE | {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, "dynamic"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_go_wrong_is_refused(name: str, shape: dict[str, Any], reason: str) -> None:
    module = random_model(name, shape)
    with pytest.raises(UnsupportedModel, match=reason) as failure:
        adopt(module)
    assert name in failure.value.message
    assert failure.value.hint


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    random_model("Qwen2", SHAPE).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_checkpoint_folder_is_loaded(saved: Path, dtype: torch.dtype) -> None:
    model = load_transformers_model(saved, Placement(device=CPU, dtype=dtype))
    assert (model.device, model.dtype) == (CPU, dtype)
    logits = model.forward([Row(0, 0, tokens(1))], cache_for(model))
    assert logits.shape == (1, VOCAB_SIZE)
    assert logits.isfinite().all()


def test_missing_weights_are_not_made_up(saved: Path) -> None:
    file = saved / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(UnsupportedModel, match=r"model\.layers\.1\.mlp\.up_proj"):
        load_transformers_model(saved, Placement(device=CPU, dtype=torch.float32))


def test_a_damaged_checkpoint_is_named(saved: Path) -> None:
    (saved / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not json at all!")
    with pytest.raises(UnsupportedModel, match=saved.name):
        load_transformers_model(saved, Placement(device=CPU, dtype=torch.float32))


def greedy(model: CausalModel, prompt: list[int], num_tokens: int) -> list[int]:
    kv = KVTensors(model.kv_shape, 1, 256, dtype=model.dtype, device=CPU)
    answer: list[int] = []
    row = Row(0, 0, prompt)
    for _ in range(num_tokens):
        answer.append(int(model.forward([row], kv)[0].argmax()))
        row = Row(0, row.end, answer[-1:])
    return answer


def ignore(_: LoadProgress) -> None:
    return


def test_the_starter_answers_as_through_our_own_forward_pass() -> None:
    folder = resolve_model("starter")
    ours = load_model(folder, read_config(folder), CPU, torch.float32, ignore)
    through_transformers: TransformersModel = load_transformers_model(
        folder, Placement(device=CPU, dtype=torch.float32)
    )
    assert through_transformers.kv_shape == ours.kv_shape
    assert through_transformers.num_parameters == ours.num_parameters
    for seed in range(2):
        prompt = random.Random(seed).choices(range(3, 8000), k=50)
        assert greedy(through_transformers, prompt, 16) == greedy(ours, prompt, 16)
