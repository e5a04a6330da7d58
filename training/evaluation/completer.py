"""Getting answers from the product's own engine, in this process."""

import queue
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import torch

from model_runtime.api import Chunk, CompletionRequest, Event, FinishReason, RuntimeFailure
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from training.fim import Hole


@dataclass(frozen=True)
class Answer:
    """A completion; `ended` when the model or a stop string ended it, not the length limit."""

    text: str
    ended: bool


class Completer(Protocol):
    """Whatever fills holes."""

    def complete(self, hole: Hole, max_tokens: int, stop: tuple[str, ...] = ()) -> Answer: ...


class EngineCompleter:
    """Fills holes as a user's editor would have them filled: greedy, with token healing."""

    def __init__(self, folder: Path) -> None:
        # As the daemon does for small models: see model_runtime.loading.choose_num_threads.
        torch.set_num_threads(1)
        self._engine = load_engine(folder, LoadOptions(device="cpu", dtype="float32"))

    def complete(self, hole: Hole, max_tokens: int, stop: tuple[str, ...] = ()) -> Answer:
        """The engine's answer for one hole."""
        request = CompletionRequest(
            prompt=hole.prefix, suffix=hole.suffix, max_tokens=max_tokens, stop=stop
        )
        events: queue.Queue[Event | RuntimeFailure] = queue.Queue()
        self._engine.submit(request, events.put)
        text = ""
        while isinstance(event := events.get(), Chunk):
            text += event.text
        if isinstance(event, RuntimeFailure):
            raise event
        return Answer(text, event.reason is FinishReason.STOP)

    def __enter__(self) -> "EngineCompleter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._engine.close()
