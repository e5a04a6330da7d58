"""Will it fit? What a model's weights and KV cache take, and what of that this machine has room
for. Plans with numbers of bytes; nothing is loaded or reserved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from model_runtime.config import ModelConfig
from model_runtime.context_length import longest_context
from model_runtime.families import OTHER, family_called
from model_runtime.memory_plan_shapes import WeightCounts
from model_runtime.native import NUM_CHECKED_LAYERS

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_ROUNDED = ("int8", "int4", "nf4")
PRECISIONS = (*_BYTES, *_ROUNDED)
_SCALE_BYTES = 4
_BLOCK = 64
"""Weights of four bits that share a scale."""
_LOADABLE = {
    "cuda": ("bfloat16", "float16", "float32", "int8", "int4", "nf4"),
    "cpu": ("float32", "bfloat16", "int8", "nf4"),
}
"""What `--dtype` gives on each kind of device, those that `auto` prefers first."""
# What CUDA's context and kernels take, and the activations of a step.
_GPU_OVERHEAD = 700 * 2**20
_CPU_OVERHEAD = 400 * 2**20
_GPU_CACHE_SHARE, _CPU_CACHE_SHARE = 0.8, 0.25
"""Of what is free behind the weights: see kv_cache.planning.cache_budget."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What a model takes, as far as its configuration tells. kv_values: numbers that one token
    leaves in the KV cache, of all layers. context_length, longest_context: tokens that it was
    trained with, and that it is good for (`context_length.longest_context`). stored_itemsize: bytes
    of a weight in the checkpoint's files.
    """

    name: str
    counts: WeightCounts
    kv_values: int
    context_length: int
    is_lean: bool
    longest_context: int
    num_layers: int
    stored_itemsize: int

    @property
    def weights_bytes(self) -> dict[str, int]:
        """Memory of the weights by precision."""
        return {precision: weights_bytes(self.counts, precision) for precision in PRECISIONS}

    def kv_bytes_per_token(self, precision: str) -> int:
        """Keys and values of one token when the weights have this precision."""
        return self.kv_values * (4 if precision == "int8" else _BYTES.get(precision, 2))


@dataclass(frozen=True, slots=True)
class Device:
    """A device of this machine and its memory. auto: the precision that `--dtype auto` takes there
    for the model in question.
    """

    name: str
    label: str
    total_bytes: int
    free_bytes: int
    auto: str

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One precision on one device.

    needed_bytes: weights, the slots asked for, and what else a running engine takes; loading_bytes:
    the most that is in use while loading. num_slots of slot_context tokens: what the engine makes
    of the memory when nothing is asked for; 0 where not even the weights have room.
    """

    device: str
    precision: str
    weights_bytes: int
    kv_bytes_per_token: int
    needed_bytes: int
    loading_bytes: int
    free_bytes: int
    fits: bool
    num_slots: int
    slot_context: int


def model_size(
    name: str, config: ModelConfig, counts: WeightCounts, num_kv_heads: int
) -> ModelSize:
    """Put together what is known of a model."""
    names = (name, config.origin)
    family = next(filter(None, (family_called(n, config.architecture) for n in names)), OTHER)
    return ModelSize(
        name,
        counts,
        kv_values(config, num_kv_heads),
        config.context_length,
        config.is_lean,
        longest_context(config, family),
        config.num_layers,
        _BYTES.get(config.dtype, 4),
    )


def kv_values(config: ModelConfig, num_kv_heads: int) -> int:
    """Numbers that one token leaves in the KV cache."""
    return config.num_layers * (config.latent_dim or 2 * num_kv_heads * config.head_dim)


def weights_bytes(counts: WeightCounts, precision: str) -> int:
    """Memory of all weights.

    int8, of our own kernels: linear layers and head in a byte, a scale for each of their rows, the
    rest in float32.
    int4, nf4: see `packed_bytes`, with the rest in 16 bits.
    """
    if precision in _BYTES:
        return counts.total * _BYTES[precision]
    if precision == "int8":
        head_rows = counts.head * counts.rows // max(1, counts.matrices)
        scales = (counts.rows + head_rows) * _SCALE_BYTES
        return counts.matrices + counts.head + scales + 4 * (counts.embedding + counts.other)
    return packed_bytes(counts, precision, 2)


def packed_bytes(counts: WeightCounts, precision: str, rest: int) -> int:
    """Memory of all weights when torchao or bitsandbytes has rounded them.

    Linear layers but for the head take a byte, with a scale for each row, or half a byte, with one
    for each 64 weights; all else takes `rest` bytes a weight.
    """
    if precision == "int8":
        packed = counts.linear + counts.rows * rest
    else:
        packed = counts.linear // 2 + counts.linear // _BLOCK * _SCALE_BYTES
    return packed + rest * (counts.total - counts.linear)


def plan_fits(
    size: ModelSize, devices: Iterable[Device], context: int, num_slots: int
) -> list[Fit]:
    """Every precision that can be loaded on every device, with so many slots of so many tokens."""
    return [
        _fit(size, device, precision, context, num_slots)
        for device in devices
        for precision in _LOADABLE.get(device.kind, ("float32",))
        if precision not in _ROUNDED
        or 2 * size.counts.linear >= size.counts.matrices  # see quantization.check_worth
    ]


def _fit(size: ModelSize, device: Device, precision: str, context: int, num_slots: int) -> Fit:
    from model_runtime.kv_cache.planning import plan_cache

    on_cpu = device.kind == "cpu"
    is_native = on_cpu and size.is_lean and precision == "int8"
    if precision in _ROUNDED and not is_native:
        computed_in = 2 if precision == "int4" else _BYTES[device.auto]
        weights = loading = packed_bytes(size.counts, precision, computed_in)
        per_token = size.kv_values * computed_in
    else:
        weights, loading = weights_bytes(size.counts, precision), loading_bytes(size, precision)
        per_token = size.kv_bytes_per_token(precision)
    overhead = _CPU_OVERHEAD if on_cpu else _GPU_OVERHEAD
    needed = weights + context * num_slots * per_token + overhead
    loading += overhead
    left = device.free_bytes - weights - overhead
    budget = int(left * (_CPU_CACHE_SHARE if on_cpu else _GPU_CACHE_SHARE))
    longest = min(size.context_length, _longest_context())
    slot_context, slots = plan_cache(max(0, budget), per_token, longest)
    has_room = slot_context * per_token <= budget
    return Fit(
        device=device.name,
        precision=precision,
        weights_bytes=weights,
        kv_bytes_per_token=per_token,
        needed_bytes=needed,
        loading_bytes=loading,
        free_bytes=device.free_bytes,
        fits=max(needed, loading) <= device.free_bytes and context <= size.longest_context,
        num_slots=slots if has_room else 0,
        slot_context=slot_context if has_room else 0,
    )


def loading_bytes(size: ModelSize, precision: str) -> int:
    """The most that is in use while a checkpoint is loaded. Its files, which are mapped, do not
    count: the system takes their pages back.
    """
    if precision != "int8":
        return weights_bytes(size.counts, precision)
    fused = size.counts.fused * size.stored_itemsize
    return fused + max(_checking_bytes(size), _rounding_bytes(size))


def _checking_bytes(size: ModelSize) -> int:
    """When int8 is tried on the first layers (`native_model`): those and the head in float32, the
    same after rounding, their codes, and one matrix that is being rounded.
    """
    counts = size.counts
    first = counts.matrices * min(NUM_CHECKED_LAYERS, size.num_layers) // size.num_layers
    tried = counts.head + first
    return _widened(size) * (counts.embedding + tried) + (4 + 1) * tried + 4 * counts.head


def _rounding_bytes(size: ModelSize) -> int:
    """When the last matrix is rounded, beside all codes."""
    counts, widened = size.counts, _widened(size)
    codes = weights_bytes(counts, "int8") - (4 - widened) * counts.embedding
    return codes + (widened + 4) * counts.head


def _widened(size: ModelSize) -> int:
    """Bytes of a weight's copy in float32; none where that is what the files hold."""
    return 0 if size.stored_itemsize == 4 else 4


def _longest_context() -> int:
    from model_runtime.prompts import MAX_CONTEXT_LENGTH

    return MAX_CONTEXT_LENGTH
