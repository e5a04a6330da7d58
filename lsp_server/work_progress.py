"""Progress of something that the user waits for, with a way to stop it (`workDoneProgress`)."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pygls.exceptions import JsonRpcException

from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

logger = logging.getLogger(__name__)

_PAUSE_S = 0.1
"""Between two reports: nobody reads faster, and models write up to a hundred words a second."""


@asynccontextmanager
async def work_progress(
    ls: FimbriaServer,
    title: str,
    stop: Callable[[], object],
    token: types.ProgressToken | None = None,
) -> AsyncIterator[Callable[[str], None]]:
    """Show that `title` is being worked on until the block ends; yields what reports how far.

    stop: called when the user no longer wants it.
    token: the request's `workDoneToken`; without one the editor is asked for a display, and nothing
    waits for that. Where the editor has none, nothing is shown.
    """
    shown = _Shown(ls, title, stop)
    ls.work.add(shown)
    if token is not None:
        shown.begin(token)
    elif _is_supported(ls):
        shown.open(f"fimbria-work-{os.urandom(6).hex()}")
    try:
        yield shown.report
    finally:
        shown.end()
        ls.work.remove(shown)


class RunningWork:
    """Everything that the user of a session waits for now."""

    def __init__(self) -> None:
        self._running: dict[_Shown, asyncio.Future[None]] = {}

    def add(self, shown: _Shown) -> None:
        self._running[shown] = asyncio.get_running_loop().create_future()

    def remove(self, shown: _Shown) -> None:
        self._running.pop(shown).set_result(None)

    async def stop(self) -> list[str]:
        """Stop it all as its user would, and wait until it has ended; returns the titles."""
        running = dict(self._running)
        for shown in running:
            shown.stop()
        if running:
            await asyncio.wait(running.values())
        return [shown.title for shown in running]


class _Shown:
    """One progress display."""

    def __init__(self, ls: FimbriaServer, title: str, stop: Callable[[], object]) -> None:
        self._ls = ls
        self.title = title
        self.stop = stop
        self._token: types.ProgressToken | None = None
        self._ended = False
        self._message = ""
        self._next_report_s = 0.0

    def open(self, token: types.ProgressToken) -> None:
        self._ls.in_background(self._open(token))

    async def _open(self, token: types.ProgressToken) -> None:
        try:
            await self._ls.work_done_progress.create_async(token)
        except JsonRpcException as error:
            logger.info("The editor shows no progress: %s", type(error).__name__)
            return
        if self._ended:
            self._ls.work_done_progress.tokens.pop(token, None)
        else:
            self.begin(token)

    def begin(self, token: types.ProgressToken) -> None:
        self._token = token
        begin = types.WorkDoneProgressBegin(title=self.title, cancellable=True)
        self._ls.work_done_progress.begin(token, begin)
        loop = asyncio.get_running_loop()
        self._ls.work_done_progress.tokens[token].add_done_callback(
            lambda _: None if self._ended else loop.call_soon(self.stop)
        )

    def report(self, message: str) -> None:
        is_waiting = bool(self._message)
        self._message = message
        if not is_waiting:  # else what waits is shown in its newest form when its time has come
            loop = asyncio.get_running_loop()
            if loop.time() >= self._next_report_s:
                self._show()
            else:
                loop.call_at(self._next_report_s, self._show)

    def _show(self) -> None:
        """Show the last message, unless it is shown."""
        message, self._message = self._message, ""
        if message and self._token is not None and not self._ended:
            self._next_report_s = asyncio.get_running_loop().time() + _PAUSE_S
            value = types.WorkDoneProgressReport(message=message)
            self._ls.work_done_progress.report(self._token, value)

    def end(self) -> None:
        self._show()
        self._ended = True
        if self._token is not None:
            self._ls.work_done_progress.end(self._token, types.WorkDoneProgressEnd())
            self._ls.work_done_progress.tokens.pop(self._token, None)


def _is_supported(ls: FimbriaServer) -> bool:
    window = ls.client_capabilities.window
    return window is not None and bool(window.work_done_progress)
