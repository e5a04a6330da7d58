"""Answers as Markdown documents, for editors without a chat view."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.editor_requests import show_document
from lsp_server.lean_types import types
from lsp_server.markdown import without_images
from lsp_server.work_progress import work_progress

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

logger = logging.getLogger(__name__)

_LONGEST_MESSAGE = 2000
_LONGEST_TAIL = 60


class AnswerFolder:
    """A private folder for what is shown in this session, made when it is first needed."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._num_written = 0

    def write(self, title: str, markdown: str) -> Path:
        """Write a document that only the user can read. Raises OSError."""
        import tempfile

        if self._folder is None or not self._folder.is_dir():
            self._folder = Path(tempfile.mkdtemp(prefix="fimbria-"))
        self._num_written += 1
        file = self._folder / f"{_slug(title)}-{self._num_written}.md"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(markdown)
        return file

    def close(self) -> None:
        """Remove everything."""
        folder, self._folder = self._folder, None
        if folder is not None:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)


async def show_answer(ls: FimbriaServer, title: str, markdown: str) -> None:
    """Open `markdown` beside the user's documents; a message where the editor opens none."""
    text = f"# {title}\n\n{without_images(markdown.strip())}\n"
    try:
        file = ls.answers.write(title, text)
    except OSError as error:
        logger.warning("An answer could not be written to a file: %s", error.strerror)
        _show_as_message(ls, markdown, None)
        return
    if not await show_document(ls, file.as_uri()):
        _show_as_message(ls, markdown, file)


async def show_streamed_answer(
    ls: FimbriaServer,
    title: str,
    pieces: AsyncGenerator[str, None],
    token: types.ProgressToken | None = None,
) -> str:
    """Show an answer's last words while it is made, then all of it; returns it. A user who stops it
    gets what there is of it; one who stops it before it began, nothing. Raises RuntimeFailure, as
    `pieces` does.
    """
    reading = asyncio.current_task()
    assert reading is not None
    stopped = False
    text = ""

    def stop() -> None:
        nonlocal stopped
        stopped = True
        reading.cancel()

    try:
        async with work_progress(ls, title, stop, token) as report, aclosing(pieces):
            async for piece in pieces:
                text += piece
                report(_tail(text))
    except asyncio.CancelledError:
        if not stopped or reading.uncancel() > 0:
            raise
    if text.strip():
        await show_answer(ls, title, text)
    return text


def _show_as_message(ls: FimbriaServer, markdown: str, file: Path | None) -> None:
    text = markdown.strip()
    if len(text) > _LONGEST_MESSAGE:
        text = text[:_LONGEST_MESSAGE].rstrip() + " …"
        text += f"\n\nThe whole answer is in {file}" if file else ""
    ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, text))


def _tail(text: str) -> str:
    """The last words, on one line."""
    line = " ".join(text[-4 * _LONGEST_TAIL :].split())
    return line if len(line) <= _LONGEST_TAIL else "…" + line[-_LONGEST_TAIL:]


def _slug(title: str) -> str:
    return re.sub(r"[^\w-]+", "-", title.lower()).strip("-")[:40] or "answer"
