"""Messages of the Language Server Protocol on a pair of byte streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pygls.io_ import Writer

    from lsp_server.language_server import FimbriaServer

logger = logging.getLogger(__name__)

_CONTENT_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)
_END_OF_HEADERS = b"\r\n\r\n"
_CHUNK = 1 << 16


async def serve(server: FimbriaServer, reader: asyncio.StreamReader, writer: Writer) -> int:
    """Handle messages until the editor says `exit` or goes away; returns the exit status."""
    server.protocol.set_writer(writer)
    try:
        while server.protocol.exit_code is None and (body := await read_message(reader)):
            server.protocol.receive(body)
            # Handlers start in the order of their messages: each has its snapshot before the next
            # message can change the document.
            await asyncio.sleep(0)
    finally:
        await server.close()
    return 1 if server.protocol.exit_code is None else server.protocol.exit_code


async def read_message(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next message's body; None when the stream has ended or carries something else."""
    try:
        headers = await reader.readuntil(_END_OF_HEADERS)
        length = _CONTENT_LENGTH.search(headers)
        return await reader.readexactly(int(length.group(1))) if length else None
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None


async def serve_stdio(server: FimbriaServer) -> int:
    """Serve the editor that started this process."""
    reader = asyncio.StreamReader()
    feed = (0, reader, asyncio.get_running_loop())
    threading.Thread(target=_feed, args=feed, name="stdin", daemon=True).start()
    with _private_stdout() as stdout:
        return await serve(server, reader, StreamWriter(stdout))


class StreamWriter:
    """pygls' idea of a writer, on a binary file. An editor that has gone away hears nothing more,
    which is no mishap: the end of what it sends ends the session.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._is_heard = True

    def write(self, data: bytes) -> None:
        if not self._is_heard:
            return
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError) as error:  # the latter where the file is closed
            self._is_heard = False
            logger.info("The editor is gone: %s", type(error).__name__)

    def close(self) -> None:
        self._stream.close()


def _feed(descriptor: int, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    """Pass on what comes in. A thread with a bare descriptor works for pipes, files and terminals,
    and a read that waits for ever keeps nothing from ending.
    """
    with contextlib.suppress(RuntimeError):  # the loop has ended
        while chunk := os.read(descriptor, _CHUNK):
            loop.call_soon_threadsafe(reader.feed_data, chunk)
        loop.call_soon_threadsafe(reader.feed_eof)


@contextmanager
def _private_stdout() -> Iterator[BinaryIO]:
    """Keep standard output for the protocol; what anybody prints goes to standard error."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        yield stream
    finally:
        with contextlib.suppress(OSError):
            os.dup2(stream.fileno(), 1)
        with contextlib.suppress(OSError):  # what an editor that is gone has not read
            stream.close()
