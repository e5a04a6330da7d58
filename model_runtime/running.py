"""The daemons that run: asking them, ending them. Imports neither torch nor aiohttp before it has
found one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from model_runtime.api import RuntimeUnavailable
from model_runtime.places import DaemonSpec, daemon_files, runtime_folder
from model_runtime.transport import (
    STATUS_TIMEOUT_S,
    Endpoint,
    Unreachable,
    answers,
    is_daemon,
    process_ended,
    read_endpoint,
    read_endpoints,
)

if TYPE_CHECKING:
    from model_runtime.connection import Connection

STOP_TIMEOUT_S = 10.0
"""Longer than a daemon waits for the answers that it aborts."""

_POLL_S = 0.04
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # which Windows does not have
_FORCE = ((signal.SIGTERM, 3.0), (_KILL, 5.0))
"""What ends a process that does not do as it is told, and for how many seconds to wait then."""


async def daemon_status(
    target: DaemonSpec | Endpoint, timeout_s: float = STATUS_TIMEOUT_S
) -> dict[str, Any] | None:
    """What /v1/status says; None when no such daemon runs. Raises ModelNotFound,
    RuntimeUnavailable.
    """
    connection = await open_connection(_endpoint_of(target))
    if connection is None:
        return None
    try:
        return await connection.status(timeout_s)
    finally:
        await connection.close()


async def stop_daemon(target: DaemonSpec | Endpoint, timeout_s: float = STATUS_TIMEOUT_S) -> bool:
    """End a daemon and wait until its process is gone; by force, when it does not answer within
    `timeout_s` or does not end. False when none runs. Raises ModelNotFound, RuntimeUnavailable.
    """
    endpoint = _endpoint_of(target)
    connection = await open_connection(endpoint)
    if connection is None or endpoint is None:
        return False
    if await _asked_to_end(connection, timeout_s) and await _gone(endpoint, STOP_TIMEOUT_S):
        return True
    await _end_by_force(endpoint)
    return True


def running_daemons() -> list[Endpoint]:
    """The daemons of this user that accept connections, whatever their model. Raises
    RuntimeUnavailable.
    """
    return [endpoint for endpoint in read_endpoints(runtime_folder()) if answers(endpoint)]


async def open_connection(endpoint: Endpoint | None, chat_model: str = "") -> Connection | None:
    """A connection to `endpoint`, if it accepts one. chat_model: see Connection."""
    if endpoint is None or not answers(endpoint):
        return None
    # aiohttp takes a quarter of a second to import: not on the event loop, and only for those who
    # talk to a daemon.
    module = await asyncio.to_thread(importlib.import_module, "model_runtime.connection")
    connection: Connection = module.Connection(endpoint, chat_model)
    return connection


def _endpoint_of(target: DaemonSpec | Endpoint) -> Endpoint | None:
    return target if isinstance(target, Endpoint) else read_endpoint(daemon_files(target).endpoint)


async def _asked_to_end(connection: Connection, timeout_s: float) -> bool:
    """Whether the daemon ends, as far as it has said so."""
    try:
        await connection.shutdown(timeout_s)
    except Unreachable:
        return True  # it ends already
    except RuntimeUnavailable:
        return False
    finally:
        await connection.close()
    return True


async def _end_by_force(endpoint: Endpoint) -> None:
    for number, patience_s in _FORCE:
        if process_ended(endpoint.pid):
            return
        if not is_daemon(endpoint.pid):
            raise _stuck(endpoint, "does not answer")
        with contextlib.suppress(ProcessLookupError):
            os.kill(endpoint.pid, number)
        if await _gone(endpoint, patience_s):
            return
    raise _stuck(endpoint, "does not end")


async def _gone(endpoint: Endpoint, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while not process_ended(endpoint.pid):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def _stuck(endpoint: Endpoint, what: str) -> RuntimeUnavailable:
    return RuntimeUnavailable(
        f"The model daemon (process {endpoint.pid}) {what}.", f"Try `kill -9 {endpoint.pid}`."
    )
