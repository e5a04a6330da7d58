"""Who is answered: one question per conversation at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Superseded(Exception):
    """Something newer was asked in the same conversation."""


class Turns(Generic[T]):
    """At most one answer is made per key. A newer question ends the older one's work, and begins
    when that has ended, so that it finds what the older one has left.
    """

    def __init__(self) -> None:
        self._newest: dict[str, asyncio.Task[T]] = {}

    async def run(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do `work` and return its result. Raises Superseded; cancelling the caller cancels the
        work, and waits for its end.
        """
        before = self._newest.get(key)
        task = asyncio.create_task(_after(before, work))
        self._newest[key] = task
        asking = asyncio.current_task()
        assert asking is not None
        try:
            return await task
        except asyncio.CancelledError:
            if asking.cancelling():
                raise
            raise Superseded from None
        finally:
            if self._newest.get(key) is task:
                del self._newest[key]

    async def stop(self, key: str) -> None:
        """End what is being worked on for `key`, if anything, and wait until it has ended."""
        task = self._newest.get(key)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def close(self) -> None:
        """End everything and wait until it has ended."""
        tasks = set(self._newest.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _after(before: asyncio.Task[T] | None, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    if before is not None:
        before.cancel()
        await asyncio.wait({before})
    return await work()
