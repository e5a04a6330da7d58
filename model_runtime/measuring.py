"""Measures how long a step of the loaded model takes, so that work can be cut to size."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from model_runtime.failures import no_numbers
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.step import CausalModel, Row
from model_runtime.step_costs import StepCosts

# What a step may take: an abort waits for its end, and so does everybody else's next token.
_BUDGET_MS = {"cuda": 10.0, "cpu": 40.0}
# Reading the weights for few tokens at a time costs as much as for many.
_LEAST_STEPS = 4
_SLOWDOWN = 2.0
_LEAST_ROWS = 2
_MOST_ROWS = 32
_SIZES = (1, 4, 16, 64)
_NUM_TRIES = 2
_CONTEXT = 512
_ENOUGH_MS = 400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """prefill_chunk: most tokens of a prompt in one step. most_rows: most candidates that decode
    together.
    """

    prefill_chunk: int
    most_rows: int


def warm_up(model: CausalModel, kv: KVTensors) -> None:
    """Run the kernels of prefill and decode once: the first call of each sets things up.

    The tokens written to slot 0 are in no token list, so nothing will ever take them for cached.
    Raises UnsupportedModel when what comes out are no numbers.
    """
    for num_tokens in (_SIZES[2], 1):
        logits = model.forward([Row(0, 0, [0] * num_tokens)], kv)
        if not bool(torch.isfinite(logits).all()):
            raise no_numbers(model.dtype)


def measure_step_costs(model: CausalModel, kv: KVTensors, capacity: int) -> StepCosts:
    """Time steps of some sizes behind a typical context, in slot 0, which no token list names yet.

    A slow model is measured at fewer sizes: starting must not take much longer for it.
    """
    start = min(_CONTEXT, capacity // 2)
    _zero(kv, start)
    points: list[tuple[int, float]] = []
    for num_tokens in _SIZES:
        if start + num_tokens > capacity or sum(ms for _, ms in points) > _ENOUGH_MS:
            break
        row = Row(0, start, [0] * num_tokens)
        points += [(num_tokens, _time_ms(model, kv, row)) for _ in range(_NUM_TRIES)]
    return StepCosts.fitted(points)


def pace(costs: StepCosts, device: torch.device) -> Pace:
    """Cut work to what steps cost: a prompt's pieces to the budget, but not so small that most of
    the time is spent on reading the weights; company to what slows an answer down by half or less.
    """
    budget = _BUDGET_MS.get(device.type, _BUDGET_MS["cuda"])
    chunk = costs.largest(max(budget, _LEAST_STEPS * costs.ms(1)))
    most_rows = 1
    while most_rows < _MOST_ROWS and costs.ms(2 * most_rows) <= _SLOWDOWN * costs.ms(1):
        most_rows *= 2
    return Pace(chunk, max(_LEAST_ROWS, most_rows))


def _time_ms(model: CausalModel, kv: KVTensors, row: Row) -> float:
    began = time.perf_counter()
    model.forward([row], kv)
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
    return 1e3 * (time.perf_counter() - began)


def _zero(kv: KVTensors, length: int) -> None:
    """Memory as it was found may hold numbers that are slow to compute with."""
    for tensor in (*kv.keys, *kv.values):
        tensor[0, :, :length] = 0
