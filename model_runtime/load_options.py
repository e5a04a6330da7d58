"""What somebody who wants a model can say about how it is loaded. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from model_runtime.places import DaemonSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How to load a checkpoint.

    device: `auto` (the first GPU, else the CPU) or a torch device. dtype: `auto`, a floating-point
    type, or one of the quantized types of `quantization`; `auto` takes the checkpoint's own on a
    GPU and float32 on a CPU where that fits the memory. kv_memory: see `parse_memory`. adapter:
    folder or hub name of a LoRA adapter; empty for none. context_length: tokens of a prompt and its
    answer; 0 takes what suits model and memory. family: a name out of `families`; empty to find
    out. reserved_bytes: of the device's memory, for another model that is to be loaded later.
    """

    device: str = "auto"
    dtype: str = "auto"
    kv_memory: str = "auto"
    adapter: str = ""
    context_length: int = 0
    family: str = ""
    reserved_bytes: int = 0


def options_of(spec: DaemonSpec) -> LoadOptions:
    """What of a daemon's spec concerns the loading of its model."""
    return LoadOptions(
        device=spec.device,
        dtype=spec.dtype,
        kv_memory=spec.kv_memory,
        adapter=spec.adapter,
        context_length=spec.context_length,
        family=spec.family,
    )
