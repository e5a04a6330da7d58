"""An engine without a model: it emits what a test has scripted, from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from model_runtime.api import (
    Candidate,
    Capability,
    Chunk,
    Event,
    Finished,
    FinishReason,
    Layout,
    ModelInfo,
    Request,
    RuntimeFailure,
    Timings,
    Usage,
)

Emit = Callable[[Event | RuntimeFailure], None]

INFO = ModelInfo(
    id="scripted",
    context_length=512,
    capabilities=frozenset({Capability.COMPLETION, Capability.INFILLING}),
    family="imaginary",
    layouts=(Layout.SPM, Layout.PSM),
    min_mean_logprob=-1.25,
    min_token_logprob=-3.5,
    languages=("cobol", "fortran"),
    min_token_logprob_elsewhere=-1.5,
    num_parameters=7,
    kernels="imagination",
)
USAGE = Usage(
    prompt_tokens=10, cached_tokens=8, completion_tokens=2, draft_tokens=3, accepted_tokens=1
)
TIMINGS = Timings(queue_ms=1.0, prefill_ms=2.0, decode_ms=3.0)


@dataclass(frozen=True, slots=True)
class FakeStats:
    requests: int


class FakeEngine:
    """Emits the chunks of `script`, raises or emits a failure in it where it comes up, and
    finishes, with an end for each of `candidates`; with `endless` it goes on until it is aborted.
    """

    info = INFO

    def __init__(
        self,
        *script: str | Chunk | RuntimeFailure,
        candidates: tuple[Candidate, ...] = (),
        endless: bool = False,
        crash: Exception | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.submitted = threading.Event()
        self.aborted = threading.Event()
        self.closed = False
        self._script = script
        self._candidates = candidates
        self._endless = endless
        self._crash = crash

    def submit(self, request: Request, emit: Emit) -> Callable[[], None]:
        self.requests.append(request)
        if self._crash:
            raise self._crash
        aborted = threading.Event()
        threading.Thread(target=self._run, args=(emit, aborted), daemon=True).start()
        self.submitted.set()
        return aborted.set

    def stats(self) -> FakeStats:
        return FakeStats(len(self.requests))

    def close(self) -> None:
        self.closed = True

    def _run(self, emit: Emit, aborted: threading.Event) -> None:
        for item in self._script:
            if isinstance(item, RuntimeFailure):
                emit(item)
                return
            emit(item if isinstance(item, Chunk) else Chunk(item))
        reason = FinishReason.STOP
        if self._endless:
            aborted.wait()
            self.aborted.set()
            reason = FinishReason.ABORTED
        emit(Finished(reason, USAGE, TIMINGS, self._candidates))
