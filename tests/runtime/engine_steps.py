"""Holding an engine between its steps, and making steps fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from model_runtime.api import (
    CompletionRequest,
)
from model_runtime.engine import Engine
from tests.runtime.running import WAIT_S, Running

CODE = """import os


def area(width, height):
    return width * height


def volume(width, height, depth):
    return area(width, height) * depth


def surface(width, height, depth):
    retu"""
AFTER = "\n\n\nprint(volume(1, 2, 3))\n"


def request(prompt: str, **options: Any) -> CompletionRequest:
    return CompletionRequest(**({"prompt": prompt, "suffix": AFTER, "max_tokens": 12} | options))


@dataclass(frozen=True)
class Held:
    """steps: the rows of each step since. open: let the engine go on."""

    steps: list[Sequence[Any]]
    open: Callable[[], None]


@contextmanager
def paused(engine: Engine) -> Iterator[Held]:
    """Hold the engine before its next step; inside, requests pile up."""
    worker, reached, opened = engine._worker, threading.Event(), threading.Event()
    forward, steps = worker._model.forward, list[Sequence[Any]]()

    def watched(rows: Sequence[Any], *rest: Any) -> Any:
        reached.set()
        opened.wait(WAIT_S)
        steps.append(rows)
        return forward(rows, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker._model, "forward", watched)
        blocker = Running(engine, request("x = ", max_tokens=1, heal=False))
        assert reached.wait(WAIT_S)
        yield Held(steps, opened.set)
        opened.set()
        blocker.wait()


@contextmanager
def failing_once(engine: Engine, error: Exception) -> Iterator[None]:
    model = engine._worker._model
    forward, errors = model.forward, [error]

    def watched(*args: Any) -> Any:
        if errors:
            raise errors.pop()
        return forward(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "forward", watched)
        yield
    assert not errors


def out_of_memory(*_: object) -> None:
    raise MemoryError
