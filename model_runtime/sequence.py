"""A request on its way through the engine, and what is told of it afterwards. Torch-free."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from model_runtime.api import (
    CompletionRequest,
    Event,
    FinishReason,
    RuntimeFailure,
    Timings,
    Usage,
)

Emit = Callable[[Event | RuntimeFailure], None]


@dataclass(slots=True, eq=False)
class Sequence:
    """A request in the queue or running. `aborted` may be set from any thread."""

    request: CompletionRequest
    emit: Emit
    submitted: float
    aborted: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Progress:
    """What has been done for a sequence so far; an aborted one is told about as well.

    started, first_token: `time.perf_counter` seconds.
    """

    started: float
    prompt_len: int = 0
    cached_len: int = 0
    num_generated: int = 0
    first_token: float | None = None

    def usage(self) -> Usage:
        return Usage(self.prompt_len, self.cached_len, self.num_generated)

    def timings(self, submitted: float, now: float) -> Timings:
        first = now if self.first_token is None else self.first_token
        return Timings(
            queue_ms=1e3 * (self.started - submitted),
            prefill_ms=1e3 * (first - self.started),
            decode_ms=1e3 * (now - first),
        )


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """Counts and times of a finished request; never its text."""

    reason: FinishReason
    usage: Usage
    timings: Timings


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Totals since the start.

    slots: tokens held, per slot. recent: the last requests, oldest first.
    """

    requests: int
    queued: int
    running: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    slots: tuple[int, ...]
    recent: tuple[RequestRecord, ...]
