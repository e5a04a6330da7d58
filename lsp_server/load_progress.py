"""Shows in the editor how far the model's loading has come (`$/progress`)."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from pygls.exceptions import JsonRpcException

from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer
    from model_runtime.api import LoadProgress

logger = logging.getLogger(__name__)


class LoadProgressReporter:
    """One progress display per loading; nothing where the editor cannot show any."""

    def __init__(self, server: FimbriaServer) -> None:
        self._server = server
        self._latest: LoadProgress | None = None
        self._token: str | None = None
        self._begun = False
        self._opening: asyncio.Task[None] | None = None

    def report(self, progress: LoadProgress) -> None:
        """Show `progress`; call on the event loop's thread."""
        self._latest = progress
        if progress.fraction >= 1:
            self.finish()
        elif self._begun and self._token is not None:
            value = types.WorkDoneProgressReport(
                message=progress.stage, percentage=_percentage(progress)
            )
            self._server.work_done_progress.report(self._token, value)
        elif self._token is None and _is_supported(self._server):
            self._token = f"fimbria-loading-{os.urandom(6).hex()}"
            self._opening = asyncio.create_task(self._open(self._token))

    def finish(self) -> None:
        """Take the display away, if there is one."""
        token, self._token = self._token, None
        if self._begun and token is not None:
            self._server.work_done_progress.end(token, types.WorkDoneProgressEnd())
        self._begun = False

    async def _open(self, token: str) -> None:
        try:
            await self._server.work_done_progress.create_async(token)
        except JsonRpcException as error:
            logger.info("The editor shows no progress: %s", error.message)
            return
        if self._token != token or self._latest is None:
            return  # loaded before the editor had answered
        self._begun = True
        begin = types.WorkDoneProgressBegin(
            title="Fimbria: loading the model",
            message=self._latest.stage,
            percentage=_percentage(self._latest),
        )
        self._server.work_done_progress.begin(token, begin)


def _percentage(progress: LoadProgress) -> int:
    return round(100 * max(0.0, min(1.0, progress.fraction)))


def _is_supported(server: FimbriaServer) -> bool:
    window = server.client_capabilities.window
    return window is not None and bool(window.work_done_progress)
