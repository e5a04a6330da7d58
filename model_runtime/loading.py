"""From a checkpoint folder to a running engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from model_runtime.api import (
    LoadProgress,
    ModelInfo,
    ModelNotFound,
    ProgressCallback,
    RuntimeFailure,
    UnsupportedModel,
)
from model_runtime.config import Habits, ModelConfig, read_config
from model_runtime.drafting import DraftPolicy
from model_runtime.engine import Engine
from model_runtime.failures import memory_failure
from model_runtime.foresight import Lookahead
from model_runtime.generation import Vocabulary
from model_runtime.healing import ByteVocabulary
from model_runtime.kv_cache.planning import (
    MAX_SLOTS,
    MemoryShare,
    allocate,
    cache_budget,
    parse_memory,
    plan_cache,
)
from model_runtime.kv_cache.slots import SlotIndex
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.measuring import STEP_BUDGET_MS, measure_step_costs, warm_up
from model_runtime.model import LlamaModel, assemble_weights
from model_runtime.prompts import PromptRenderer, open_renderer
from model_runtime.step import CausalModel
from model_runtime.worker import Worker

# A token less likely than one in ten is where a model without advice of its own becomes unsure.
UNLIKELY = -2.3
_SMALL_MODEL = 100_000_000
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_engine(
    folder: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    kv_memory: str = "auto",
    progress: ProgressCallback | None = None,
) -> Engine:
    """Load a Llama-architecture checkpoint (safetensors, `tokenizer.model`) and start its engine.

    device: `auto` (the first GPU, else the CPU) or a torch device. dtype: `auto`, `float32`,
    `float16`, `bfloat16`; `auto` takes the checkpoint's own on a GPU and float32 on a CPU where
    that fits the memory. kv_memory: see `parse_memory`. Raises ModelNotFound, UnsupportedModel,
    OutOfMemory.
    """
    report = progress or _ignore
    share = parse_memory(kv_memory)
    report(LoadProgress("reading the configuration", 0.0))
    config = read_config(folder)
    renderer = open_renderer(folder, config)
    chosen_device = choose_device(device)
    if chosen_device.type == "cpu":
        torch.set_num_threads(choose_num_threads(config))
    with _memory_errors_explained():
        model = load_model(
            folder, config, chosen_device, choose_dtype(dtype, config, chosen_device), report
        )
        report(LoadProgress("reserving the KV cache", 0.95))
        kv, slots = _allocate_cache(model, renderer.context_length, share)
        renderer = replace(renderer, context_length=slots.capacity)
        report(LoadProgress("measuring", 0.97))
        worker = _worker(model, kv, slots, renderer, config.habits)
        engine = Engine(_describe(folder, model, renderer, config.habits), renderer, worker)
    report(LoadProgress("ready", 1.0))
    return engine


def load_model(
    folder: Path,
    config: ModelConfig,
    device: torch.device,
    dtype: torch.dtype,
    report: Callable[[LoadProgress], None],
) -> LlamaModel:
    """Read the weights of a checkpoint folder. Raises ModelNotFound, UnsupportedModel."""
    files = _weight_files(folder)
    tensors: dict[str, Tensor] = {}
    for number, file in enumerate(files):
        report(LoadProgress("loading the weights", 0.1 + 0.8 * number / len(files)))
        tensors |= _read_tensors(file, device, dtype)
    try:
        return LlamaModel(config, assemble_weights(config, tensors))
    except KeyError as error:
        raise UnsupportedModel(
            f"The weights in {folder} lack {error}.", "Download the checkpoint again."
        ) from error


def choose_device(name: str) -> torch.device:
    """Resolve `auto`; raise RuntimeFailure for a device that this machine or this build of torch
    does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # fails for `meta`, too, which holds no values
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise RuntimeFailure(
            f"Device {name!r} cannot be used: {reason}.", "Use --device auto or --device cpu."
        ) from error
    return device


def choose_dtype(name: str, config: ModelConfig, device: torch.device) -> torch.dtype:
    """Resolve `auto`; raise RuntimeFailure for an unknown name."""
    if name in _DTYPES:
        return _DTYPES[name]
    if name != "auto":
        raise RuntimeFailure(f"Unknown dtype {name!r}.", f"Use auto, {', '.join(_DTYPES)}.")
    if device.type == "cpu":
        fits = 4 * _estimate_num_parameters(config) < psutil.virtual_memory().available / 2
        return torch.float32 if fits else torch.bfloat16
    own = _DTYPES.get(config.dtype, torch.float16)
    return torch.bfloat16 if own is torch.float32 else own


def choose_num_threads(config: ModelConfig) -> int:
    """Threads for a model on the CPU.

    A small model's step is too short to be shared out: threads that wait for each other at every
    layer lose more than they win as soon as anything else (an editor, a compiler) wants a core.
    """
    cores = psutil.cpu_count(logical=False) or 1
    if _estimate_num_parameters(config) < _SMALL_MODEL:
        return max(1, min(4, cores // 2))
    return cores


def _worker(
    model: CausalModel,
    kv: KVTensors,
    slots: SlotIndex,
    renderer: PromptRenderer,
    habits: Habits,
) -> Worker:
    warm_up(model, kv)
    costs = measure_step_costs(model, kv, slots.capacity)
    tokenizer = renderer.tokenizer
    control_ids = frozenset(i for i, piece in enumerate(tokenizer.vocabulary) if not piece)
    unlikely = habits.min_token_logprob if habits.min_token_logprob is not None else UNLIKELY
    return Worker(
        model,
        kv,
        slots,
        Vocabulary(renderer, ByteVocabulary(tokenizer.vocabulary), unlikely),
        Lookahead(tokenizer, DraftPolicy(costs), habits.cache, control_ids, model.device),
        costs.largest(STEP_BUDGET_MS.get(model.device.type, STEP_BUDGET_MS["cuda"])),
    )


def _describe(
    folder: Path, model: CausalModel, renderer: PromptRenderer, habits: Habits
) -> ModelInfo:
    return ModelInfo(
        id=folder.name,
        context_length=renderer.context_length,
        capabilities=renderer.capabilities,
        layouts=renderer.layouts,
        single_line=habits.single_line,
        min_mean_logprob=habits.min_mean_logprob,
        min_token_logprob=habits.min_token_logprob,
        num_parameters=model.num_parameters,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
    )


def _allocate_cache(
    model: CausalModel, context_length: int, share: MemoryShare
) -> tuple[KVTensors, SlotIndex]:
    capacity, num_slots = plan_cache(
        cache_budget(model.device, share),
        model.kv_shape.bytes_per_token(model.dtype),
        context_length,
        max_slots=MAX_SLOTS,
    )
    kv = allocate(model.kv_shape, num_slots, capacity, dtype=model.dtype, device=model.device)
    return kv, SlotIndex(kv.num_slots, capacity)


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        weight_map: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = [folder / name for name in sorted(set(weight_map.values()))]
    else:
        files = [folder / "model.safetensors"]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ModelNotFound(
            f"There is no {missing[0]} in {folder}.",
            "Fimbria reads safetensors; download the checkpoint again or convert it.",
        )
    return files


def _read_tensors(file: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt", device=str(device)) as source:
            return {name: source.get_tensor(name).to(dtype) for name in source.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise UnsupportedModel(
            f"{file} is damaged: {error}.", "Download the checkpoint again."
        ) from error


def _estimate_num_parameters(config: ModelConfig) -> int:
    attention = config.hidden_size * config.head_dim * 2 * (config.num_heads + config.num_kv_heads)
    mlp = 3 * config.hidden_size * config.intermediate_size
    embeddings = (1 if config.tied_embeddings else 2) * config.vocab_size * config.hidden_size
    return config.num_layers * (attention + mlp) + embeddings


@contextmanager
def _memory_errors_explained() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        failure = memory_failure(error)
        if failure is None:
            raise
        raise failure from error


def _ignore(_: LoadProgress) -> None:
    return
