"""Waiting for conditions that come about in another process or thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from model_runtime.transport import process_ended

WAIT_S = 60.0
_PAUSE = threading.Event()

T = TypeVar("T")


def wait_until_gone(pid: int) -> None:
    """Return when the process has ended."""
    deadline = time.monotonic() + WAIT_S
    while not process_ended(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        _PAUSE.wait(0.01)


async def eventually(ask: Callable[[], Awaitable[T | None]]) -> T:
    """The first answer that is not None and not False."""
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await ask()
            if answer:
                return answer
            await asyncio.to_thread(_PAUSE.wait, 0.01)


async def happens(event: threading.Event) -> None:
    """Return when another thread has set `event`."""
    assert await asyncio.to_thread(event.wait, WAIT_S)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when `process` listens at `port` of this machine."""
    deadline = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert process.poll() is None, "the server has ended"
        assert time.monotonic() < deadline, "the server does not listen"
        _PAUSE.wait(0.05)
