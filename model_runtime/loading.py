"""From a checkpoint folder to a running engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from model_runtime.adapter_merging import check_adapter
from model_runtime.adapters import resolve_adapter
from model_runtime.api import LoadProgress, ModelInfo, OtherFiles, ProgressCallback, RuntimeFailure
from model_runtime.checkpoint import assemble, load_model
from model_runtime.config import ModelConfig, read_config
from model_runtime.context_length import choose_context, slots_that_fit
from model_runtime.cuda_graphs import GraphedLlama, graphed
from model_runtime.device_turns import DeviceTurns
from model_runtime.devices import (
    INT8,
    QUANTIZED,
    choose_device,
    choose_dtype,
    choose_num_threads,
    gpu_rooms,
    host_room,
    item_size,
    stored_dtype,
)
from model_runtime.drafting import DraftPolicy
from model_runtime.engine import Engine
from model_runtime.failures import memory_failure
from model_runtime.foresight import Lookahead
from model_runtime.generation import Vocabulary
from model_runtime.habits import Habits
from model_runtime.healing import ByteVocabulary
from model_runtime.kv_cache.memory_share import MemoryShare, parse_memory
from model_runtime.kv_cache.planning import (
    MAX_SLOTS,
    allocate,
    free_memory,
    plan_cache,
    shared_cache_budget,
)
from model_runtime.kv_cache.slots import SlotIndex
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.load_options import LoadOptions
from model_runtime.measuring import measure_step_costs, pace, warm_up
from model_runtime.model import LlamaModel
from model_runtime.models import model_name
from model_runtime.native_model import NativeLlama, accelerate_on_cpu
from model_runtime.prompt_opening import open_renderer
from model_runtime.prompts import MAX_CONTEXT_LENGTH, PromptRenderer
from model_runtime.quantization import (
    Scheme,
    bytes_per_weight,
    choose_scheme,
    quiet_packages,
)
from model_runtime.sharing import OFFLOAD, SHARED, Sharing, choose_sharing
from model_runtime.step import CausalModel
from model_runtime.step_costs import StepCosts
from model_runtime.weight_files import check_files, stored_bytes
from model_runtime.worker import Worker

# A token less likely than one in ten is where a model without advice of its own becomes unsure.
UNLIKELY = -2.3


def load_engine(
    folder: Path,
    options: LoadOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
    turns: DeviceTurns | None = None,
) -> Engine:
    """Load a checkpoint folder (safetensors, a tokenizer) and start its engine. turns: shared with
    other engines on the device. Raises ModelNotFound, UnsupportedModel, OutOfMemory, RuntimeFailure
    for options that make no sense.
    """
    options = options or LoadOptions()
    report = progress or _ignore
    share = replace(parse_memory(options.kv_memory), reserved=options.reserved_bytes)
    report(LoadProgress("reading the configuration", 0.0))
    config, renderer = _open(folder, options)
    device = choose_device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(choose_num_threads(config))
    with _memory_errors_explained():
        model = _load(folder, config, device, options, report)
        report(LoadProgress("reserving the KV cache", 0.95))
        exactly = options.context_length > 0
        kv, slots = _allocate_cache(model, config.context_length, share, exactly=exactly)
        model = graphed(model) if isinstance(model, LlamaModel) else model
        renderer = replace(renderer, context_length=slots.capacity)
        report(LoadProgress("measuring", 0.97))
        warm_up(model, kv)
        costs = measure_step_costs(model, kv, slots.capacity)
        worker = make_worker(model, kv, slots, renderer, config.habits, costs)
        engine = Engine(_describe(folder, model, renderer, config.habits), renderer, worker, turns)
    report(LoadProgress("ready", 1.0))
    return engine


def _open(folder: Path, options: LoadOptions) -> tuple[ModelConfig, PromptRenderer]:
    """What stands beside the weights; the configuration has the context length that is run."""
    config = read_config(folder)
    renderer = open_renderer(folder, config, family=options.family)
    wanted = options.context_length
    length = choose_context(wanted, config, renderer.family, MAX_CONTEXT_LENGTH)
    return replace(config, context_length=length), renderer


def _load(
    folder: Path,
    config: ModelConfig,
    device: torch.device,
    options: LoadOptions,
    report: ProgressCallback,
) -> CausalModel:
    """The fastest thing that computes this checkpoint on this device."""
    dtype = choose_dtype(options.dtype, config, device)
    scheme = choose_scheme(options.dtype, config, device)
    adapter = resolve_adapter(options.adapter) if options.adapter else None
    if adapter is not None:
        check_adapter(adapter)
    sharing = _sharing(folder, config, options, scheme, dtype)
    is_lean = config.is_lean and scheme is None and sharing is None
    check_files(folder)
    if is_lean and adapter is None:
        int8 = options.dtype == INT8
        # As stored, rounding needs half of the memory; in float32 the values are the same.
        read = stored_dtype(config) if int8 else dtype
        return accelerate_on_cpu(load_model(folder, config, device, read, report), int8=int8)
    report(LoadProgress("loading the weights", 0.1))
    with quiet_packages():  # transformers imports them wherever they are installed
        from model_runtime.transformers_loading import (
            Placement,
            load_merged_weights,
            load_transformers_model,
        )

    placement = Placement(
        device=device, dtype=dtype, scheme=scheme, adapter=adapter, sharing=sharing
    )
    if not is_lean:
        return load_transformers_model(folder, placement, report)
    model = assemble(folder, config, load_merged_weights(folder, placement, report))
    return accelerate_on_cpu(model, int8=options.dtype == INT8)


def _sharing(
    folder: Path,
    config: ModelConfig,
    options: LoadOptions,
    scheme: Scheme | None,
    dtype: torch.dtype,
) -> Sharing | None:
    if options.device not in ("auto", *SHARED):
        return None
    stored = stored_bytes(folder)
    if scheme is None or not scheme.in_checkpoint:
        stored = int(stored / item_size(config.dtype) * bytes_per_weight(scheme, dtype))
    gpus = gpu_rooms(options.device, stored)
    sharing = choose_sharing(options.device, stored, gpus, host_room())
    if sharing is None or sharing.balanced:
        return sharing
    if scheme is not None or options.dtype in QUANTIZED or options.adapter:
        what = "An adapter is" if options.adapter else "Rounded weights are"
        raise RuntimeFailure(
            f"{what} not to be had with --device {OFFLOAD}.",
            "Leave one of the two out, or use --device auto.",
        )
    return sharing


def make_worker(
    model: CausalModel,
    kv: KVTensors,
    slots: SlotIndex,
    renderer: PromptRenderer,
    habits: Habits,
    costs: StepCosts,
) -> Worker:
    """Put together what computes an engine's steps."""
    tokenizer = renderer.tokenizer
    control_ids = frozenset(i for i, piece in enumerate(tokenizer.vocabulary) if not piece)
    unlikely = habits.min_token_logprob if habits.min_token_logprob is not None else UNLIKELY
    return Worker(
        model,
        kv,
        slots,
        Vocabulary(renderer, ByteVocabulary(tokenizer.vocabulary), unlikely),
        Lookahead(tokenizer, DraftPolicy(costs), habits.cache, control_ids),
        pace(costs, model.device),
    )


def _describe(
    folder: Path, model: CausalModel, renderer: PromptRenderer, habits: Habits
) -> ModelInfo:
    return ModelInfo(
        id=model_name(folder),
        context_length=renderer.context_length,
        capabilities=renderer.capabilities,
        family=renderer.family.name,
        layouts=renderer.layouts,
        single_line=habits.single_line,
        min_mean_logprob=habits.min_mean_logprob,
        min_token_logprob=habits.min_token_logprob,
        languages=habits.languages,
        min_token_logprob_elsewhere=habits.min_token_logprob_elsewhere,
        other_files=_other_files(renderer, habits),
        num_parameters=model.num_parameters,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        kernels=_kernels(model),
    )


def _other_files(renderer: PromptRenderer, habits: Habits) -> OtherFiles:
    """A cache model copies from what is not shown, too."""
    if renderer.other_files is OtherFiles.IGNORED and habits.cache.weight > 0:
        return OtherFiles.COPIED
    return renderer.other_files


def _kernels(model: CausalModel) -> str:
    if isinstance(model, NativeLlama):
        return "C, int8 weights" if model.int8 else "C"
    if isinstance(model, GraphedLlama):
        return "torch, CUDA graphs"
    if isinstance(model, LlamaModel):
        return "torch"
    scheme: Scheme | None = getattr(model, "scheme", None)
    return f"transformers, {scheme}" if scheme else "transformers"


def _allocate_cache(
    model: CausalModel, context_length: int, share: MemoryShare, *, exactly: bool
) -> tuple[KVTensors, SlotIndex]:
    """exactly: a shorter context than asked for would be no answer; else it may become shorter."""
    devices: tuple[torch.device, ...] = getattr(model, "kv_devices", (model.device,))
    budget = shared_cache_budget(devices, share)
    per_token = model.kv_shape.bytes_per_token(model.dtype)
    if exactly:
        found = slots_that_fit(context_length, per_token, budget, free_memory(model.device))
        capacity, num_slots = context_length, min(MAX_SLOTS, found)
    else:
        capacity, num_slots = plan_cache(budget, per_token, context_length, max_slots=MAX_SLOTS)
    where = devices if len(devices) > 1 else model.device
    kv = allocate(model.kv_shape, num_slots, capacity, dtype=model.dtype, device=where)
    return kv, SlotIndex(kv.num_slots, capacity)


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
