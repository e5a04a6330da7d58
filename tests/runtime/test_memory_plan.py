"""What a model takes, planned from its configuration and compared with what it really takes."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model_runtime.checkpoint import load_model
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.memory_plan import (
    Device,
    ModelSize,
    loading_bytes,
    model_size,
    packed_bytes,
    plan_fits,
    weights_bytes,
)
from model_runtime.memory_plan_devices import devices_for, size_of
from model_runtime.memory_plan_shapes import llama_counts, official_config, read_shape
from model_runtime.native_model import accelerate_on_cpu
from model_runtime.transformers_loading import Placement, load_transformers_model
from tests.runtime.family_checkpoints import BY_NAME
from tests.runtime.test_quantization import scheme_placement, stored_bytes

GIB = 2**30
CPU = torch.device("cpu")


def planned(name: str) -> ModelSize:
    config = official_config(name)
    assert config is not None
    return model_size(name, config, llama_counts(config), config.num_kv_heads)


def gpu(free: int) -> Device:
    return Device("cuda:0", "a GPU", free, free, "float16")


def tensor_bytes() -> int:
    """Memory of all tensors that exist, shared memory once."""
    gc.collect()
    storages = {
        one.untyped_storage().data_ptr(): one.untyped_storage().nbytes()
        for one in gc.get_objects()
        if type(one) in (torch.Tensor, torch.nn.Parameter) and one.device.type == "cpu"
    }
    return sum(storages.values())


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_the_plan_is_what_a_running_engine_takes(starter_folder: Path, precision: str) -> None:
    _, size = size_of("starter")
    before = tensor_bytes()
    engine = load_engine(
        starter_folder, LoadOptions(device="cpu", dtype=precision, kv_memory="64MiB")
    )
    try:
        taken = tensor_bytes() - before
        (kv,) = (one for one in gc.get_objects() if type(one) is KVTensors and one.num_slots > 2)
        kv_bytes = kv.num_slots * kv.capacity * size.kv_bytes_per_token(precision)
        del kv
    finally:
        engine.close()
    assert taken == pytest.approx(size.weights_bytes[precision] + kv_bytes, rel=0.05)


@pytest.mark.parametrize("precision", ["int8", "nf4"])
@pytest.mark.parametrize("name", ["Qwen2.5-Coder-0.5B-Instruct", "starcoder2-3b", "codegemma-2b"])
def test_rounded_weights_take_what_is_planned(name: str, precision: str, tmp_path: Path) -> None:
    checkpoint = BY_NAME[name]
    shape = checkpoint.shape | {"hidden_size": 128, "intermediate_size": 256}
    folder = replace(checkpoint, shape=shape).write(tmp_path / name)
    model = load_transformers_model(folder, scheme_placement(folder, precision))
    planned = packed_bytes(read_shape(folder)[1], precision, 4)
    assert stored_bytes(model.module) == pytest.approx(planned, rel=0.05)


def test_models_with_experts_are_planned_without_rounding(tmp_path: Path) -> None:
    name = "Qwen3-Coder-30B-A3B-Instruct"
    BY_NAME[name].write_config(tmp_path / name)
    config, size = size_of(str(tmp_path / name))
    precisions = {fit.precision for fit in plan_fits(size, devices_for(config), 512, 1)}
    assert "bfloat16" in precisions
    assert not precisions & {"int8", "int4", "nf4"}


def test_latent_attention_is_planned_as_the_cache_holds_it(tmp_path: Path) -> None:
    name = "DeepSeek-Coder-V2-Lite-Instruct"
    folder = BY_NAME[name].write(tmp_path / name)
    _, size = size_of(str(folder))
    model = load_transformers_model(folder, Placement(device=CPU, dtype=torch.float32))
    assert model.kv_shape.bytes_per_token(torch.float32) == size.kv_bytes_per_token("float32")
    assert size.kv_values == 2 * (12 + 4)  # and not 2 layers × 4 heads × (12 + 6)


@pytest.mark.parametrize("tied", [True, False])
def test_counting_equals_what_transformers_builds(tmp_path: Path, tied: bool) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=500,
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
        architectures=["LlamaForCausalLM"],
    )
    config.save_pretrained(tmp_path)
    expected = LlamaForCausalLM(config).num_parameters()
    _, counts = read_shape(tmp_path)
    assert counts.total == expected


@pytest.mark.parametrize("multi_query", [False, True])
def test_other_architectures_are_built_without_memory(tmp_path: Path, multi_query: bool) -> None:
    from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

    config = GPTBigCodeConfig(
        vocab_size=300,
        n_embd=48,
        n_head=4,
        n_layer=2,
        n_positions=128,
        multi_query=multi_query,
        architectures=["GPTBigCodeForCausalLM"],
    )
    config.save_pretrained(tmp_path)
    _, size = size_of(str(tmp_path))
    assert size.counts.total == GPTBigCodeForCausalLM(config).num_parameters()
    assert size.kv_values == 2 * 2 * (1 if multi_query else 4) * 12


@pytest.mark.parametrize(
    ("name", "billions", "kv_bytes"),
    [
        ("codellama/CodeLlama-7b-hf", 6.74, 2 * 32 * 4096 * 2),
        ("codellama/CodeLlama-13b-Instruct-hf", 13.02, 2 * 40 * 5120 * 2),
        ("CodeLlama-34b-Python-hf", 33.74, 2 * 48 * 1024 * 2),
        ("meta-llama/CodeLlama-70b-hf", 68.98, 2 * 80 * 1024 * 2),
    ],
)
def test_official_checkpoints_are_known_by_name(name: str, billions: float, kv_bytes: int) -> None:
    size = planned(name)
    assert size.counts.total / 1e9 == pytest.approx(billions, abs=0.005)
    assert size.kv_bytes_per_token("float16") == kv_bytes
    assert size_of(name)[1] == size


@pytest.mark.parametrize(
    ("name", "trained", "longest"),
    [
        ("codellama/CodeLlama-7b-Python-hf", 16_384, 100_000),
        ("codellama/CodeLlama-34b-Instruct-hf", 16_384, 100_000),
        ("codellama/CodeLlama-70b-hf", 16_384, 100_000),
        ("codellama/CodeLlama-70b-Instruct-hf", 4096, 4096),
        ("codellama/CodeLlama-70b-Python-hf", 4096, 4096),
    ],
)
def test_not_all_of_the_largest_are_good_for_long_contexts(
    name: str, trained: int, longest: int
) -> None:
    size = planned(name)
    assert (size.context_length, size.longest_context) == (trained, longest)


@pytest.mark.parametrize("name", ["codellama/CodeLlama-8b-hf", "CodeLlama-7b-hf-mine", "starter"])
def test_other_names_are_not_guessed(name: str) -> None:
    assert official_config(name) is None


def test_precisions_are_ordered_by_size() -> None:
    size = planned("CodeLlama-13b-hf")
    found = [size.weights_bytes[one] for one in ("int4", "int8", "float16", "float32")]
    assert found == sorted(found)
    assert found[0] < 0.3 * found[2]
    assert weights_bytes(size.counts, "bfloat16") == found[2]


def test_what_fits_depends_on_context_slots_and_device() -> None:
    size = planned("CodeLlama-7b-hf")

    def fits(free: int, context: int, slots: int) -> bool:
        found = plan_fits(size, [gpu(free)], context, slots)
        return {fit.precision: fit.fits for fit in found}["float16"]

    assert fits(24 * GIB, 4096, 1)
    assert fits(24 * GIB, 4096, 4)
    assert not fits(24 * GIB, 8192, 4)
    assert not fits(13 * GIB, 4096, 1)
    assert fits(80 * GIB, 100_000, 1)
    assert not fits(800 * GIB, 100_001, 1)


def test_the_engines_own_choice_is_told() -> None:
    size = planned("CodeLlama-7b-hf")
    (fit,) = (f for f in plan_fits(size, [gpu(24 * GIB)], 4096, 1) if f.precision == "float16")
    assert fit.num_slots * fit.slot_context * fit.kv_bytes_per_token < 24 * GIB - fit.weights_bytes
    assert (fit.num_slots, fit.slot_context) == (4, 4096)
    (fit, *_) = plan_fits(size, [gpu(8 * GIB)], 4096, 1)
    assert (fit.num_slots, fit.slot_context) == (0, 0)


class HighWater(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches the memory of all tensors that are made inside it; `most`: bytes at a time. present:
    tensors that were there before.
    """

    def __init__(self, present: Iterable[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        self._present = {one.untyped_storage().data_ptr() for one in present}
        self._alive: WeakValueDictionary[int, torch.Tensor] = WeakValueDictionary()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        made = (one for one in tree_leaves(result) if isinstance(one, torch.Tensor))
        self._alive.update((id(one), one) for one in made)
        storages = (one.untyped_storage() for one in self._alive.values())
        sizes = {one.data_ptr(): one.nbytes() for one in storages}
        there = sum(size for at, size in sizes.items() if at not in self._present)
        self.most = max(self.most, there)
        return result


@pytest.mark.parametrize("num_layers", [2, 24])
@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float32])
def test_rounding_takes_what_is_planned_for_loading(
    stored: torch.dtype, num_layers: int, tmp_path: Path
) -> None:
    """Few layers: most is taken when they are tried; many: at the end."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        vocab_size=1000,
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=num_layers,
        num_attention_heads=4,
        architectures=["LlamaForCausalLM"],
        max_position_embeddings=64,
    )
    LlamaForCausalLM(shape).to(stored).save_pretrained(tmp_path)
    config, size = size_of(str(tmp_path))
    model = load_model(tmp_path, config, torch.device("cpu"), stored, lambda _: None)
    weights = model.weights
    fused = [one for layer in weights.layers for one in (layer.qkv, layer.gate_up)]
    mapped = [one for layer in weights.layers for one in (layer.attention_out, layer.down)]
    with HighWater([*fused, *mapped, weights.embedding, weights.head]) as memory:
        accelerate_on_cpu(model, int8=True)
    taken = sum(one.nbytes for one in fused) + memory.most
    assert taken == pytest.approx(loading_bytes(size, "int8"), rel=0.05)


def test_eight_bits_need_room_for_more_while_loading() -> None:
    cpu = Device("cpu", "", 16 * GIB, 16 * GIB, "bfloat16")
    size = planned("CodeLlama-7b-hf")
    fits = {fit.precision: fit for fit in plan_fits(size, [cpu], 1024, 1)}
    assert fits["int8"].needed_bytes < 16 * GIB < fits["int8"].loading_bytes < 18 * GIB
    assert not fits["int8"].fits
    assert fits["bfloat16"].fits


def test_this_machine_has_a_processor() -> None:
    config, _ = size_of("starter")
    *_, last = devices_for(config)
    assert last.name == "cpu"
    assert 0 < last.free_bytes <= last.total_bytes
