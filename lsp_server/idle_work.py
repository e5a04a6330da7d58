"""Work that nobody waits for: per document at most one piece, which gives way to everything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class IdleWork:
    """What is being done for each key; what fails is only logged."""

    def __init__(self) -> None:
        self._newest: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in the place of what is being done for the same key."""
        self.cancel(key)
        task = self._newest[key] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def cancel(self, key: str) -> None:
        """End what is being done for `key`, if anything."""
        task = self._newest.pop(key, None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """End everything and wait until it has ended."""
        for key in list(self._newest):
            self.cancel(key)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        for key in [key for key, newest in self._newest.items() if newest is task]:
            del self._newest[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("Idle work failed", exc_info=error)
