"""A daemon that accepts connections and says nothing, noticed while somebody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from model_runtime.api import RuntimeUnavailable
from model_runtime.transport import Silent, is_suspended

if TYPE_CHECKING:
    from model_runtime.connection import Connection
    from model_runtime.wire import DaemonState

PATIENCE_S = 3.0
"""A daemon that is not busy with importing torch answers long before."""

T = TypeVar("T")


async def state_of(connection: Connection) -> DaemonState:
    """What Connection.state says; Silent is raised within seconds if the process is suspended, for
    then there is nothing to wait for. Raises RuntimeUnavailable.
    """
    try:
        return await connection.state(PATIENCE_S)
    except Silent:
        if is_suspended(connection.pid):
            raise
    return await connection.state()


async def unless_silent(work: Awaitable[T], connection: Connection) -> T:
    """What `work` comes to, which waits for the daemon and may do so for long. As long as it waits,
    the daemon is asked now and then whether it is still there. Raises Silent when it is not.
    """
    loop = asyncio.get_running_loop()
    watching: asyncio.Task[Silent | None] | None = None

    def watch() -> None:
        nonlocal watching
        watching = loop.create_task(_watch(connection, limit))

    timer = loop.call_later(PATIENCE_S, watch)  # a token comes sooner, and costs no task
    try:
        async with asyncio.timeout(None) as limit:
            return await work
    except TimeoutError:
        silent = watching.result() if limit.expired() and watching else None
        raise silent or TimeoutError from None
    finally:
        timer.cancel()
        if watching:
            watching.cancel()


async def _watch(connection: Connection, limit: asyncio.Timeout) -> Silent | None:
    """Ask until the daemon is silent; `limit` ends then."""
    with contextlib.suppress(RuntimeUnavailable):  # the one who waits will hear of it
        while True:
            try:
                await state_of(connection)
            except Silent as failure:
                limit.reschedule(asyncio.get_running_loop().time())
                return failure
            await asyncio.sleep(PATIENCE_S)
    return None
