"""Which requests are being worked on: per document only the newest counts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class _Pending(Generic[T]):
    """Work whose answer can be given before the work has ended."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self.answer: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(work)
        self.task.add_done_callback(self._hand_over)

    def supersede(self) -> None:
        """Answer None at once and end the work."""
        if not self.answer.done():
            self.answer.set_result(None)
        self.task.cancel()

    def _hand_over(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()
        if self.answer.done():
            if error is not None:
                logger.debug("Superseded work failed", exc_info=error)
        elif task.cancelled():
            self.answer.set_result(None)
        elif error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(task.result())


class PendingRequests(Generic[T]):
    """At most one request per key is being worked on."""

    def __init__(self) -> None:
        self._newest: dict[str, _Pending[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    async def run(self, key: str, work: Coroutine[Any, Any, T]) -> T | None:
        """Do `work` and return its result, or None as soon as a newer call with the same key, or
        `supersede`, makes it worthless. Cancelling the caller cancels the work.
        """
        self.supersede(key)
        pending = self._newest[key] = _Pending(work)
        self._tasks.add(pending.task)  # the loop itself would let go of a task that still ends
        pending.task.add_done_callback(self._tasks.discard)
        try:
            return await pending.answer
        finally:
            pending.task.cancel()
            if self._newest.get(key) is pending:
                del self._newest[key]

    def supersede(self, key: str) -> None:
        """End what is being worked on for `key`, if anything."""
        pending = self._newest.pop(key, None)
        if pending is not None:
            pending.supersede()

    async def close(self) -> None:
        """End everything and wait until it has ended."""
        for key in list(self._newest):
            self.supersede(key)
        if self._tasks:
            await asyncio.wait(self._tasks)
