"""Where the time of a decode step goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.gpu_steps import quantile
from benchmarks.gpu_subject import Clock, Subject, stepper
from model_runtime.padded_step import pack, shape_for
from model_runtime.step import Row

_STEPS = 5
_NUM_KERNELS = 15


def profile(subject: Subject, kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The kernels of a decode step behind 4k tokens that take longest, and how long nothing ran."""
    context = min(4096, subject.context_length - 300)
    row = Row(0, context, (7,))
    yield {"kind": "any", "kernel": "packing a step's inputs, on the host", "ms": _pack_ms(row)}
    for kind in kinds:
        with subject.cache(1, -(-(context + 64) // 256) * 256) as kv:
            model = stepper(subject, kind)
            for _ in range(3):
                model.forward([row], kv).argmax(-1).tolist()
            clock = Clock(subject.device)
            for _ in range(_STEPS):
                model.forward([row], kv).argmax(-1).tolist()
            wall_ms = clock.ms() / _STEPS
            with torch.profiler.profile() as profiler:
                for _ in range(_STEPS):
                    model.forward([row], kv).argmax(-1).tolist()
        yield from _table(profiler, kind, wall_ms, on_gpu=subject.device.type == "cuda")


def _table(profiler: Any, kind: str, wall_ms: float, *, on_gpu: bool) -> Iterator[dict[str, Any]]:
    spent = []
    for event in profiler.key_averages():
        # What the host does is listed with the time of the kernels that it launched: count the
        # kernels only.
        is_kernel = "CUDA" in str(event.device_type) if on_gpu else True
        us = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        if is_kernel and us:
            spent.append((us / 1e3 / _STEPS, event.count / _STEPS, event.key))
    spent.sort(reverse=True)
    total = sum(ms for ms, _, _ in spent)
    yield {"kind": kind, "kernel": "a step by the clock", "ms": round(wall_ms, 3)}
    yield {"kind": kind, "kernel": "all kernels", "ms": round(total, 3)}
    for ms, count, name in spent[:_NUM_KERNELS]:
        yield {"kind": kind, "kernel": name[:90], "ms": round(ms, 3), "calls": round(count, 1)}


def _pack_ms(row: Row) -> float:
    times = []
    for _ in range(20):
        clock = Clock(torch.device("cpu"))
        pack([row], shape_for([row], 8192), 8192)
        times.append(clock.ms())
    return round(quantile(times, 0.5), 4)
