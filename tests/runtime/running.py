"""Runs requests on an engine and waits for their end."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from model_runtime.api import (
    Chunk,
    Completion,
    CompletionRequest,
    Event,
    Finished,
    Request,
    RuntimeFailure,
)
from model_runtime.engine import Engine

WAIT_S = 30


class Running:
    """A submitted request whose events a test takes one by one."""

    def __init__(self, engine: Engine, request: Request) -> None:
        self._events: queue.Queue[Event | RuntimeFailure] = queue.Queue()
        self.abort: Callable[[], None] = engine.submit(request, self._events.put)
        self.texts = [""] * request.num_candidates

    def next_chunk(self) -> Chunk | None:
        """The next piece of text; None when the request has finished."""
        event = self._events.get(timeout=WAIT_S)
        if isinstance(event, RuntimeFailure):
            raise event
        if isinstance(event, Finished):
            self.finished = event
            return None
        self.texts[event.index] += event.text
        return event

    def wait(self) -> Finished:
        while self.next_chunk():
            continue
        return self.finished

    @property
    def text(self) -> str:
        return self.texts[0]

    @property
    def num_late_events(self) -> int:
        return self._events.qsize()


def run(engine: Engine, prompt: str, suffix: str | None = None, **options: Any) -> Completion:
    running = Running(engine, CompletionRequest(prompt=prompt, suffix=suffix, **options))
    end = running.wait()
    return Completion(
        running.text,
        engine.info.id,
        end.reason,
        end.usage,
        end.timings,
        tuple(running.texts),
        end.candidates,
    )
