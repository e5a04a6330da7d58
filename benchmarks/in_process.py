"""Our engine without the language server and the daemon around it, for comparing engine with
engine: every answer has the same number of tokens, whatever the text says.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.endless import EndlessRenderer
from benchmarks.measurements import Measurement
from benchmarks.questions import Asker
from benchmarks.traces import Step
from model_runtime.api import CompletionRequest, Event, Finished, RuntimeFailure
from model_runtime.engine import Engine
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine

_DEADLINE_S = 60.0


class InProcessEngine:
    """An OurEngine (see benchmarks.ours) around a loaded engine.

    Changes other than typed characters are followed by a warm-up, as the language server sends it.
    It also guesses what comes after accepting an answer; in a replay nobody accepts, so that is
    left out here.
    speculate: whether drafts are used.
    """

    def __init__(self, engine: Engine, asker: Asker, *, speculate: bool = True) -> None:
        self._engine = engine
        self._asker = asker
        self._speculate = speculate
        self._idle: list[_Request] = []

    def skip(self, step: Step) -> None:
        """Nothing to do: each request brings the whole text."""

    def change(self, step: Step) -> None:
        request = self._asker.warm_up(step)
        self._idle = [idle for idle in self._idle if not idle.is_done]
        self._idle.append(_Request(self._engine, request))

    def ask(self, step: Step) -> Measurement:
        request = replace(self._asker.completion(step), stop=(), speculate=self._speculate)
        began = time.perf_counter()
        finished = _Request(self._engine, request).wait(_DEADLINE_S)
        answer_ms = 1000 * (time.perf_counter() - began)
        if finished is None or finished.usage.completion_tokens != request.max_tokens:
            raise ValueError(f"{request.max_tokens} tokens were asked for, not {finished}")
        usage = finished.usage
        return Measurement(
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            ttft_ms=answer_ms - finished.timings.decode_ms,
            answer_ms=answer_ms,
            draft_tokens=usage.draft_tokens,
            accepted_tokens=usage.accepted_tokens,
        )

    def rest(self, pause_s: float) -> None:
        deadline = time.monotonic() + pause_s
        for idle in self._idle:
            idle.wait(max(0.0, deadline - time.monotonic()))

    def settle(self) -> int:
        self.rest(_DEADLINE_S)
        stats = self._engine.stats()
        return stats.prompt_tokens - stats.cached_tokens + stats.completion_tokens


@contextmanager
def in_process_engine(
    folder: Path, asker: Asker, num_threads: int, *, speculate: bool = True
) -> Iterator[InProcessEngine]:
    """Load a model in float32 on the CPU. Raises RuntimeFailure."""
    import torch

    with closing(load_engine(folder, LoadOptions(device="cpu", dtype="float32"))) as engine:
        torch.set_num_threads(num_threads)
        _remove_ends(engine)
        yield InProcessEngine(engine, asker, speculate=speculate)


def _remove_ends(engine: Any) -> None:
    """Have the engine render its prompts with EndlessRenderer: no request can ask for that."""
    worker = engine._worker
    renderer = EndlessRenderer(worker._vocabulary.renderer)
    worker._vocabulary = replace(worker._vocabulary, renderer=renderer)


class _Request:
    """A submitted request of whose events only the last one counts."""

    def __init__(self, engine: Engine, request: CompletionRequest) -> None:
        self._last: queue.SimpleQueue[Finished | RuntimeFailure] = queue.SimpleQueue()
        self.is_done = False
        engine.submit(request, self._take)

    def _take(self, event: Event | RuntimeFailure) -> None:
        if isinstance(event, Finished | RuntimeFailure):
            self._last.put(event)

    def wait(self, timeout_s: float) -> Finished | None:
        """The end; None if it does not come in time, or was waited for before. Raises
        RuntimeFailure.
        """
        if self.is_done:
            return None
        try:
            event = self._last.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self.is_done = True
        if isinstance(event, RuntimeFailure):
            raise event
        return event
