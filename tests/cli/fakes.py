"""A runtime that answers what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from model_runtime.api import (
    Capability,
    Chunk,
    Completion,
    CompletionRequest,
    Event,
    Finished,
    FinishReason,
    Layout,
    ModelInfo,
    ProgressCallback,
    RuntimeFailure,
    Timings,
    Usage,
)
from model_runtime.places import DaemonSpec

USAGE = Usage(prompt_tokens=12, cached_tokens=8, completion_tokens=3)
TIMINGS = Timings(queue_ms=0.1, prefill_ms=2.0, decode_ms=4.0)


@dataclass
class FakeRuntime:
    """Answers every request with `answer`, or with `events`, or fails with `failure`; remembers
    what it was asked.
    """

    answer: str = "answer"
    events: Sequence[Event] = ()
    min_mean_logprob: float | None = None
    capabilities: frozenset[Capability] = frozenset({Capability.COMPLETION, Capability.INFILLING})
    failure: RuntimeFailure | None = None
    requests: list[CompletionRequest] = field(default_factory=list)
    specs: list[DaemonSpec] = field(default_factory=list)
    closed: bool = False

    def make(self, spec: DaemonSpec, progress: ProgressCallback) -> FakeRuntime:
        """Stand in for the factory of Services."""
        self.specs.append(spec)
        return self

    async def info(self) -> ModelInfo:
        if self.failure:
            raise self.failure
        return ModelInfo(
            id="fake",
            context_length=1024,
            capabilities=self.capabilities,
            layouts=(Layout.SPM, Layout.PSM),
            num_parameters=8_000_000,
            kernels="imagination",
            min_mean_logprob=self.min_mean_logprob,
            min_token_logprob=self.min_mean_logprob,
        )

    async def complete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        if self.failure:
            raise self.failure
        finished = _finished()
        return Completion(self.answer, "fake", finished.reason, finished.usage, finished.timings)

    async def stream(self, request: CompletionRequest) -> AsyncIterator[Event]:
        self.requests.append(request)
        if self.failure:
            raise self.failure
        for event in self.events or (Chunk(self.answer), _finished()):
            yield event

    async def close(self) -> None:
        self.closed = True


def _finished() -> Finished:
    return Finished(FinishReason.STOP, USAGE, TIMINGS)
