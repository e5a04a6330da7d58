"""Ctrl-C while somebody talks: it stops an answer, and never the program."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Stopper:
    """Does one thing at a time that Ctrl-C may stop."""

    _task: asyncio.Task[None] | None = None

    async def run(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work` unless it is stopped; whether it was."""
        task = self._task = asyncio.create_task(work)
        try:
            await asyncio.wait({task})
        finally:
            self._task = None
            task.cancel()
        if task.cancelled():
            return True
        task.result()
        return False

    def stop(self) -> None:
        """Stop what is being done; nothing if there is nothing."""
        if self._task is not None:
            self._task.cancel()


@contextmanager
def stopped_by_ctrl_c() -> Iterator[Stopper]:
    """Ctrl-C does nothing else meanwhile: between an answer and the next prompt, too."""
    loop, stopper = asyncio.get_running_loop(), Stopper()
    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, stopper.stop)
    try:
        yield stopper
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
