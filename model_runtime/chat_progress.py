"""How far a daemon's chat model is, told to the client whose chat waits for it: its download, which
is that client's own, and its loading.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from model_runtime.api import (
    ChatRequest,
    LoadProgress,
    ProgressCallback,
    Request,
    RuntimeFailure,
)
from model_runtime.hub_process import download, needs_download

if TYPE_CHECKING:
    from model_runtime.connection import Connection

_LOOK_S = 0.2
_READY = LoadProgress("ready", 1.0)


async def fetch_chat_model(name: str, report: ProgressCallback) -> None:
    """Fetch a model of the hub that has only been named so far. Cancelling stops that; the next
    time it goes on where it was. Raises RuntimeFailure.
    """
    if not needs_download(name):
        return
    try:
        await download(name, report)
    finally:
        report(_READY)


@contextlib.asynccontextmanager
async def chat_loading_reported(
    connection: Connection, request: Request, report: ProgressCallback
) -> AsyncIterator[None]:
    """While open, and as long as the daemon loads its chat model for `request`, `report` that. What
    was begun is ended with a fraction of 1, whether the model is there then or not.
    """
    if not isinstance(request, ChatRequest):
        yield
        return
    watching = asyncio.create_task(_watch(connection, report))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _watch(connection: Connection, report: ProgressCallback) -> None:
    begun = False
    try:
        with contextlib.suppress(RuntimeFailure):  # the request itself will hear of it
            await asyncio.sleep(_LOOK_S)
            while (progress := (await connection.state()).chat_loading) is not None:
                begun = True
                report(progress)
                await asyncio.sleep(_LOOK_S)
    finally:
        if begun:
            report(_READY)
