"""What a model is computed on: device, precision and threads."""

from __future__ import annotations

import psutil
import torch

from model_runtime.api import RuntimeFailure
from model_runtime.config import ModelConfig
from model_runtime.sharing import OFFLOAD, SHARED, Room

INT8, INT4, NF4 = "int8", "int4", "nf4"
QUANTIZED = (INT8, INT4, NF4)
"""Names of weights rounded to eight or four bits: see `quantization`."""
_GPU_WEIGHTS_SHARE, _HOST_WEIGHTS_SHARE = 0.8, 0.6
_SMALL_MODEL = 100_000_000
# From here on half the bytes to read matter more than our own kernels for float32.
_LARGE_MODEL = 500_000_000
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def choose_device(name: str) -> torch.device:
    """Resolve `auto`; raise RuntimeFailure for a device that this machine or this build of torch
    does not have. Of a model that is shared among several, where its inputs go.
    """
    if name in ("auto", *SHARED):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:  # which lists all that torch could be built for
        raise RuntimeFailure(
            f"{name!r} is no device.", "Use --device auto, cpu, cuda, or cuda:1 for the second GPU."
        ) from error
    try:
        torch.zeros(1, device=device).item()  # fails for `meta`, too, which holds no values
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise RuntimeFailure(
            f"Device {name!r} cannot be used: {reason}.", "Use --device auto or --device cpu."
        ) from error
    return device


def gpu_rooms(device: str, weights_bytes: int) -> tuple[Room, ...]:
    """What the GPUs that `--device` may mean can hold of a model, the KV cache and a step's
    activations left aside. Looking at a GPU takes some of its memory, so `auto` looks at the
    first one only where that has room.
    """
    found: list[Room] = []
    for index in range(torch.cuda.device_count()):
        free, _ = torch.cuda.mem_get_info(index)
        found.append(Room(f"cuda:{index}", int(free * _GPU_WEIGHTS_SHARE)))
        is_enough = device == "auto" and weights_bytes <= found[0].num_bytes
        if device == OFFLOAD or is_enough:
            break
    return tuple(found)


def host_room() -> Room:
    """The same of main memory."""
    return Room("cpu", int(psutil.virtual_memory().available * _HOST_WEIGHTS_SHARE))


def choose_dtype(name: str, config: ModelConfig, device: torch.device) -> torch.dtype:
    """Resolve `auto`; raise RuntimeFailure for an unknown name, or one that the device does not
    compute. Rounded weights are multiplied in what `auto` takes, but for those of our own kernels
    (float32) and of torch's for int4 (bfloat16).
    """
    if name == INT8 and config.is_lean and device.type == "cpu":
        return torch.float32
    if name in _DTYPES or name == INT4:
        return _computable(_DTYPES.get(name, torch.bfloat16), device)
    if name not in ("auto", *QUANTIZED):
        known = ", ".join((*_DTYPES, *QUANTIZED))
        raise RuntimeFailure(f"Unknown dtype {name!r}.", f"Use auto, {known}.")
    return _automatic(config, device)


def _automatic(config: ModelConfig, device: torch.device) -> torch.dtype:
    if device.type == "cpu":
        if _estimate_num_parameters(config) >= _LARGE_MODEL and _computes_bfloat16():
            return torch.bfloat16
        fits = 4 * _estimate_num_parameters(config) < psutil.virtual_memory().available / 2
        return torch.float32 if fits else torch.bfloat16
    own = _DTYPES.get(config.dtype, torch.float16)
    return torch.bfloat16 if own is torch.float32 else own


def _computable(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    try:
        one = torch.ones(1, 1, dtype=dtype, device=device)
        torch.matmul(one, one).item()
    except (RuntimeError, TypeError) as error:
        name = str(dtype).removeprefix("torch.")
        raise RuntimeFailure(
            f"{device} does not compute with {name}.", "Use --dtype auto."
        ) from error
    return dtype


def stored_dtype(config: ModelConfig) -> torch.dtype:
    """What a checkpoint's weights are stored in, as far as it tells: else float32."""
    return _DTYPES.get(config.dtype, torch.float32)


def item_size(name: str) -> int:
    """Bytes of a number of this type in a checkpoint."""
    return _DTYPES.get(name, torch.float16).itemsize


def _computes_bfloat16() -> bool:
    """Whether the processor has instructions for it; emulated it is far slower than float32."""
    queries = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, query, bool)() for query in queries)


def choose_num_threads(config: ModelConfig) -> int:
    """Threads for a model on the CPU.

    A small model's step is too short to be shared out: threads that wait for each other at every
    layer lose more than they win as soon as anything else (an editor, a compiler) wants a core.
    """
    cores = psutil.cpu_count(logical=False) or 1
    if _estimate_num_parameters(config) < _SMALL_MODEL:
        return max(1, min(4, cores // 2))
    return cores


def _estimate_num_parameters(config: ModelConfig) -> int:
    attention = config.hidden_size * config.head_dim * 2 * (config.num_heads + config.num_kv_heads)
    mlp = 3 * config.hidden_size * config.intermediate_size
    embeddings = (1 if config.tied_embeddings else 2) * config.vocab_size * config.hidden_size
    return config.num_layers * (attention + mlp) + embeddings
