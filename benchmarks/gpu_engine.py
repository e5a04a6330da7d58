"""Keystrokes and aborts through the real engine: admission, scheduling, sampling, chunks of text.

The tokenizer is the starter's, whatever the model's vocabulary: what a model with random weights
writes means nothing, and no time depends on it. Its drafts come from what it wrote before, so how
many are right says nothing either: see gpu_steps.keystrokes for given rates.
"""

from __future__ import annotations

import queue
import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.endless import EndlessRenderer
from benchmarks.gpu_steps import ANSWER_LEN, quantile
from benchmarks.gpu_subject import Clock, Subject, free, stepper
from model_runtime.api import Chunk, CompletionRequest, Event, Finished, ModelInfo, RuntimeFailure
from model_runtime.config import read_config
from model_runtime.engine import Abort, Engine
from model_runtime.habits import Habits
from model_runtime.kv_cache.memory_share import MemoryShare
from model_runtime.kv_cache.planning import (
    MAX_SLOTS,
    allocate,
    cache_budget,
    plan_cache,
)
from model_runtime.kv_cache.slots import SlotIndex
from model_runtime.loading import make_worker
from model_runtime.measuring import measure_step_costs, pace, warm_up
from model_runtime.prompt_opening import open_renderer
from model_runtime.prompts import MAX_CONTEXT_LENGTH

_STARTER = Path(__file__).resolve().parent.parent / "model_runtime" / "starter"
_SOURCES = Path(__file__).resolve().parent.parent / "model_runtime"
_TIMEOUT_S = 120.0


class WideTokenizer:
    """The starter's tokenizer for a model of a larger vocabulary: other tokens repeat its bytes."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def token_bytes(self, token_id: int) -> bytes:
        spelled: bytes = self._tokenizer.token_bytes(token_id % self._tokenizer.size)
        return spelled


@dataclass(frozen=True, slots=True)
class Running:
    """An engine, and what its start has shown."""

    engine: Engine
    figures: dict[str, Any]


@contextmanager
def running(subject: Subject, kind: str, kv_share: float) -> Iterator[Running]:
    """An engine around a model that is there already, put together as loading.py does."""
    config = read_config(_STARTER)
    length = min(subject.context_length, MAX_CONTEXT_LENGTH)
    renderer = open_renderer(_STARTER, config)
    per_token = subject.kv_bytes
    budget = cache_budget(subject.device, MemoryShare(fraction=kv_share))
    capacity, num_slots = plan_cache(budget, per_token, length, max_slots=MAX_SLOTS)
    model, clock = stepper(subject, kind), Clock(subject.device)
    kv = allocate(model.kv_shape, num_slots, capacity, dtype=model.dtype, device=model.device)
    slots = SlotIndex(kv.num_slots, capacity)
    warm_up(model, kv)
    costs = measure_step_costs(model, kv, capacity)
    started_ms = clock.ms()
    tokenizer: Any = WideTokenizer(renderer.tokenizer)
    wide: Any = EndlessRenderer(replace(renderer, tokenizer=tokenizer, context_length=capacity))
    cut = pace(costs, model.device)
    worker = make_worker(model, kv, slots, wide, Habits(cache=config.habits.cache), costs)
    info = ModelInfo(id=subject.name, context_length=capacity, capabilities=wide.capabilities)
    figures = {
        "what": "start-up",
        "kind": kind,
        "ms": round(started_ms),
        "slots": num_slots,
        "slot_tokens": capacity,
        "slots_that_fit": {str(n): budget // (per_token * n) for n in (4096, 8192, 16384)},
        "prefill_chunk": cut.prefill_chunk,
        "most_rows": cut.most_rows,
        "step_ms": {str(n): round(costs.ms(n), 2) for n in (1, 4, 16, 64)},
    }
    try:
        with closing(Engine(info, wide, worker)) as engine:
            yield Running(engine, figures)
    finally:
        kv.keys.clear()
        kv.values.clear()
        free(subject.device)


def engine_figures(
    subject: Subject, kind: str, keys: int, kv_share: float
) -> Iterator[dict[str, Any]]:
    """Start-up and slots; cold and warm keystrokes with and without drafts; aborts."""
    with running(subject, kind, kv_share) as it:
        yield it.figures
        prompt, suffix = _texts(it.engine)
        for speculate in (True, False):
            yield _keystrokes(it.engine, prompt, suffix, keys, speculate=speculate) | {"kind": kind}
        yield _aborts(it.engine, prompt, keys) | {"kind": kind}


def _keystrokes(
    engine: Engine, prompt: str, suffix: str, keys: int, *, speculate: bool
) -> dict[str, Any]:
    request = CompletionRequest(
        prompt=prompt,
        suffix=suffix,
        max_tokens=ANSWER_LEN,
        heal=False,
        document=f"speculate={speculate}",
        speculate=speculate,
    )
    cold = _Asked(engine, replace(request, prompt=f"# {speculate}\n{prompt}")).wait()
    dice, measured, text = random.Random(0), list[_Asked](), f"# {speculate}\n{prompt}\n"
    for _ in range(keys):
        text += "".join(dice.choice("abcdefgh (") for _ in range(dice.randint(1, 3)))
        measured.append(_Asked(engine, replace(request, prompt=text)).wait())
    return {
        "what": f"keystrokes, drafts {'on' if speculate else 'off'}",
        "prompt_tokens": cold.usage.prompt_tokens,
        "cold_ttft_ms": round(cold.first_ms, 1),
        "new_tokens_p50": quantile([m.usage.computed_tokens for m in measured], 0.5),
        "ttft_p50_ms": round(quantile([m.first_ms for m in measured], 0.5), 2),
        "ttft_p95_ms": round(quantile([m.first_ms for m in measured], 0.95), 2),
        "answer_p50_ms": round(quantile([m.all_ms for m in measured], 0.5), 2),
        "answer_p95_ms": round(quantile([m.all_ms for m in measured], 0.95), 2),
        "drafted": sum(m.usage.draft_tokens for m in measured),
        "accepted": sum(m.usage.accepted_tokens for m in measured),
    }


def _aborts(engine: Engine, prompt: str, tries: int) -> dict[str, Any]:
    """From the word to the last event: while the prompt is computed, and while tokens come."""
    times: dict[str, list[float]] = {"prefill": [], "decode": []}
    for number in range(tries):
        request = CompletionRequest(prompt=f"# {number}\n{prompt}", max_tokens=200, heal=False)
        for phase, found in times.items():
            asked = _Asked(engine, replace(request, prompt=f"# {phase}{request.prompt}"))
            if phase == "decode":
                asked.wait_for_first()
            else:
                _until_running(engine)
            found.append(asked.abort_ms())
    return {
        "what": "abort",
        **{
            f"{phase}_{name}_ms": round(quantile(found, share), 2)
            for phase, found in times.items()
            for name, share in (("p50", 0.5), ("max", 1.0))
        },
    }


def _until_running(engine: Engine) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not engine.stats().running and time.monotonic() < deadline:
        time.sleep(0.0005)


def _texts(engine: Engine) -> tuple[str, str]:
    """Source text before and after a cursor: about 4k tokens, or what fits."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(_SOURCES.glob("*.py")))
    encode = engine.renderer.tokenizer.encode
    per_char = len(encode(text[:20_000])) / 20_000
    wanted = min(4096, engine.info.context_length // 2)
    size = int(0.9 * wanted / per_char)
    return text[:size], text[size : size + size // 9]


class _Asked:
    """A submitted request; milliseconds from submitting to its first text and to its end."""

    def __init__(self, engine: Engine, request: CompletionRequest) -> None:
        self._events: queue.SimpleQueue[tuple[float, Event | RuntimeFailure]] = queue.SimpleQueue()
        self._began = time.perf_counter()
        self.first_ms = self.all_ms = 0.0
        self._last: Finished | None = None
        self._abort: Abort = engine.submit(request, self._take)

    @property
    def usage(self) -> Any:
        assert self._last is not None
        return self._last.usage

    def _take(self, event: Event | RuntimeFailure) -> None:
        self._events.put((1e3 * (time.perf_counter() - self._began), event))

    def wait_for_first(self) -> None:
        while not self.first_ms and self._last is None:
            self._next()

    def wait(self) -> _Asked:
        while self._last is None:
            self._next()
        return self

    def abort_ms(self) -> float:
        asked_ms = 1e3 * (time.perf_counter() - self._began)
        self._abort()
        return self.wait().all_ms - asked_ms

    def _next(self) -> None:
        at_ms, event = self._events.get(timeout=_TIMEOUT_S)
        if isinstance(event, RuntimeFailure):
            raise event
        if isinstance(event, Chunk):
            self.first_ms = self.first_ms or at_ms
        if isinstance(event, Finished):
            self.all_ms, self._last = at_ms, event
            # Not the first text: what random tokens spell is often held back as half a character.
            self.first_ms = event.timings.queue_ms + event.timings.prefill_ms
