"""Loads the daemon's second model, which chats, beside the first one on the same device."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model_runtime.api import (
    Capability,
    LoadProgress,
    OutOfMemory,
    ProgressCallback,
    RuntimeFailure,
)
from model_runtime.capabilities import missing_chat
from model_runtime.config import ModelConfig, read_config
from model_runtime.load_options import LoadOptions, options_of
from model_runtime.models import model_name, resolve_model
from model_runtime.places import DaemonSpec

if TYPE_CHECKING:
    import torch

    from model_runtime.device_turns import DeviceTurns
    from model_runtime.engine import Engine

# What a step needs beside weights and cache; the device's own overhead is the first model's.
_OVERHEAD = 256 * 2**20
_LEAST_CONTEXT = 4096
"""Tokens of the conversation that there should be room for."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a model takes: with the least of a KV cache, and while it is loaded."""

    running: int
    loading: int


def chat_options(spec: DaemonSpec) -> LoadOptions:
    """How the chat model is loaded: adapter, context length and family are the first model's."""
    return LoadOptions(device=spec.device, dtype=spec.dtype, kv_memory=spec.kv_memory)


def first_options(spec: DaemonSpec) -> LoadOptions:
    """How the first model is loaded: beside a chat model, its KV cache leaves room for that."""
    return replace(options_of(spec), reserved_bytes=_reserved_bytes(spec))


def load_chat_engine(
    spec: DaemonSpec, progress: ProgressCallback, turns: DeviceTurns | None = None
) -> Engine:
    """Load `spec.chat_model`. Whatever can be told without its weights is told before they are
    read. Raises RuntimeFailure.
    """
    from model_runtime.devices import choose_device
    from model_runtime.loading import load_engine

    progress(LoadProgress("looking for the chat model", 0.0))
    folder, options = resolve_model(spec.chat_model), chat_options(spec)
    check_chats(folder)
    check_room(folder, choose_device(options.device), options.dtype)
    return load_engine(folder, options, progress=progress, turns=turns)


def check_chats(folder: Path) -> None:
    """Raise MissingCapability for a checkpoint that does not chat."""
    from model_runtime.prompt_opening import open_renderer

    renderer = open_renderer(folder, read_config(folder))
    if Capability.CHAT not in renderer.capabilities:
        raise missing_chat(renderer.family, model_name(folder))


def check_room(folder: Path, device: torch.device, dtype: str) -> None:
    """Raise OutOfMemory for a checkpoint that has no room beside what is loaded already: on a CPU
    the system might end the whole daemon instead.
    """
    from model_runtime.kv_cache.planning import free_memory

    need, free = needed_bytes(folder, device, dtype), free_memory(device)
    wanted = max(need.loading, need.running)
    if wanted > free:
        raise OutOfMemory(
            f"The chat model {model_name(folder)} takes {_gib(wanted)} beside the model for "
            f"completions; {_gib(free)} are free on {device}.",
            "Set chat_model to a smaller one, dtype to a lower precision, or chat_endpoint to an "
            "engine elsewhere. If the daemon was started before chat_model was set, `fimbria stop` "
            "ends it, and the next one keeps room.",
        )


def needed_bytes(folder: Path, device: torch.device, dtype: str) -> Need:
    """What a checkpoint takes, told by its configuration alone; imports transformers for other
    architectures than Llama. Raises RuntimeFailure.
    """
    from model_runtime.devices import INT8, QUANTIZED, choose_dtype
    from model_runtime.memory_plan import loading_bytes, model_size, packed_bytes, weights_bytes
    from model_runtime.memory_plan_shapes import num_kv_heads, read_shape

    config, counts = read_shape(folder)
    size = model_size(model_name(folder), config, counts, num_kv_heads(folder, config))
    computed = choose_dtype(dtype, config, device)
    has_own_kernels = dtype == INT8 and size.is_lean and device.type == "cpu"
    if dtype in QUANTIZED and not has_own_kernels:
        weights = loading = packed_bytes(counts, dtype, computed.itemsize)
    else:
        precision = dtype if has_own_kernels else str(computed).removeprefix("torch.")
        weights, loading = weights_bytes(counts, precision), loading_bytes(size, precision)
    besides = _besides(folder, config, computed.itemsize)
    return Need(weights + besides, loading + besides)


def quick_estimate(folder: Path, device: torch.device, dtype: str) -> int:
    """About what a running checkpoint takes, for when transformers is not worth importing: as its
    files are large, or more where its weights will be rounded. Raises RuntimeFailure.
    """
    from model_runtime.devices import choose_dtype

    config = read_config(folder)
    if config.is_lean:
        return needed_bytes(folder, device, dtype).running
    # Some checkpoints come with a second copy of their weights, in another format.
    files = list(folder.glob("model*.safetensors")) or list(folder.glob("*.safetensors"))
    stored = sum(file.stat().st_size for file in files)
    itemsize = choose_dtype(dtype, config, device).itemsize
    stored_itemsize = 4 if config.dtype == "float32" else 2
    return stored * itemsize // stored_itemsize + _besides(folder, config, itemsize)


def _besides(folder: Path, config: ModelConfig, itemsize: int) -> int:
    """Memory for a step and the least of a KV cache."""
    from model_runtime.memory_plan import kv_values
    from model_runtime.memory_plan_shapes import num_kv_heads

    per_token = kv_values(config, num_kv_heads(folder, config)) * itemsize
    return min(_LEAST_CONTEXT, config.context_length) * per_token + _OVERHEAD


def _reserved_bytes(spec: DaemonSpec) -> int:
    """What the chat model will take; nothing where there is none, or none that can be read yet."""
    if not spec.chat_model:
        return 0
    from model_runtime.devices import choose_device

    try:
        folder, device = resolve_model(spec.chat_model), choose_device(spec.device)
        return quick_estimate(folder, device, spec.dtype)
    except RuntimeFailure as failure:
        logger.warning("no memory is kept for the chat model: %s", failure)
        return 0


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"
