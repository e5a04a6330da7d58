"""A request on its way through the engine, and what is told of it afterwards. Torch-free."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_runtime.api import (
    Event,
    Finished,
    FinishReason,
    Priority,
    Request,
    RuntimeFailure,
    Timings,
    Usage,
)

if TYPE_CHECKING:
    from model_runtime.generation import Generation
    from model_runtime.prompts import Prompt

Emit = Callable[[Event | RuntimeFailure], None]

_RANK = {priority: rank for rank, priority in enumerate(Priority)}


@dataclass(slots=True)
class Progress:
    """What has been done for a sequence so far; an aborted one is told about as well.

    started, first_token: `time.perf_counter` seconds.
    """

    started: float
    prompt_len: int = 0
    cached_len: int = 0
    first_token: float | None = None

    def timings(self, submitted: float, now: float) -> Timings:
        first = now if self.first_token is None else self.first_token
        return Timings(
            queue_ms=1e3 * (self.started - submitted),
            prefill_ms=1e3 * (first - self.started),
            decode_ms=1e3 * (now - first),
        )


@dataclass(slots=True, eq=False)
class Sequence:
    """A request in the queue or running. `aborted` may be set from any thread; all else is the
    engine's.

    prompt: once it has been rendered. generations: its candidates, the first from the moment that
    it has a slot, the others from the end of the prefill on.
    """

    request: Request
    emit: Emit
    submitted: float
    aborted: threading.Event = field(default_factory=threading.Event)
    prompt: Prompt | None = None
    generations: list[Generation] = field(default_factory=list)
    progress: Progress | None = None
    prefilling: bool = True

    @property
    def rank(self) -> tuple[int, float]:
        """Sequences of a lower rank come first."""
        return _RANK[self.request.priority], self.submitted

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for it."""
        return self.request.priority is Priority.IDLE

    def live(self) -> list[Generation]:
        """Candidates that are still being generated."""
        return [generation for generation in self.generations if generation.reason is None]

    def usage(self) -> Usage:
        prompt_len = self.progress.prompt_len if self.progress else 0
        cached_len = self.progress.cached_len if self.progress else 0
        return Usage(
            prompt_len,
            cached_len,
            sum(generation.num_generated for generation in self.generations),
            sum(generation.num_drafted for generation in self.generations),
            sum(generation.num_accepted for generation in self.generations),
        )

    def finished(self, now: float) -> Finished:
        """What the client is told at the end; `now`: `time.perf_counter` seconds."""
        progress = self.progress or Progress(started=now)
        timings = progress.timings(self.submitted, now)
        if self.aborted.is_set() or not self.generations:
            return Finished(FinishReason.ABORTED, self.usage(), timings)
        candidates = tuple(generation.outcome() for generation in self.generations)
        return Finished(candidates[0].reason, self.usage(), timings, candidates)


def supersedes(newer: Sequence, older: Sequence) -> bool:
    """Whether `older` is worthless now that `newer` has arrived: a document's newest request wins,
    and idle work gives way to everything else.
    """
    if older.is_idle and not newer.is_idle:
        return True
    document = newer.request.document
    if document is None or document != older.request.document:
        return False
    return older.is_idle or not newer.is_idle


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """Counts and times of a finished request; never its text."""

    reason: FinishReason
    usage: Usage
    timings: Timings
    priority: Priority = Priority.COMPLETION


@dataclass(frozen=True, slots=True)
class SlotStats:
    """One slot: tokens held, and whether a running request uses it."""

    len: int
    pinned: bool


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Totals since the start.

    step_ms: how long the last steps took, newest last. recent: the last requests, newest last.
    """

    requests: int
    queued: int
    running: int
    aborted: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    draft_tokens: int
    accepted_tokens: int
    steps: int
    step_ms: tuple[float, ...]
    slots: tuple[SlotStats, ...]
    kv_bytes_used: int
    kv_bytes_total: int
    recent: tuple[RequestRecord, ...]
