"""Who is answered: one question per conversation at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Superseded(Exception):
    """Something newer was asked in the same conversation."""


class Turns(Generic[T]):
    """At most one answer is made per key. A newer question ends the older ones' work, and begins
    when that has ended, so that it finds what they have left.
    """

    def __init__(self) -> None:
        self._running: dict[str, set[asyncio.Task[T]]] = {}

    async def run(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do `work` and return its result. Raises Superseded; cancelling the caller cancels the
        work, and waits for its end.
        """
        before = self._cancelled(key)
        task = asyncio.create_task(_after(before, work))
        self._running.setdefault(key, set()).add(task)
        task.add_done_callback(lambda _: self._ended(key, task))
        asking = asyncio.current_task()
        assert asking is not None
        try:
            return await task
        except asyncio.CancelledError:
            if asking.cancelling():
                raise
            raise Superseded from None

    async def stop(self, key: str) -> None:
        """End what is being worked on for `key`, if anything, and wait until it has ended."""
        await _end_of(self._cancelled(key))

    async def close(self) -> None:
        """End everything and wait until it has ended."""
        keys = tuple(self._running)
        await _end_of({task for key in keys for task in self._cancelled(key)})

    def _cancelled(self, key: str) -> set[asyncio.Task[T]]:
        """What runs for `key`, told to end: each once, or it could not put things in order."""
        tasks = set(self._running.get(key, ()))
        for task in tasks:
            if not task.cancelling():
                task.cancel()
        return tasks

    def _ended(self, key: str, task: asyncio.Task[T]) -> None:
        self._running[key].discard(task)
        if not self._running[key]:
            del self._running[key]


async def _after(before: set[asyncio.Task[T]], work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    await _end_of(before)
    return await work()


async def _end_of(tasks: set[asyncio.Task[T]]) -> None:
    if tasks:
        await asyncio.wait(tasks)
