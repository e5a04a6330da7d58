"""The daemons that run: asking them, ending them. Imports neither torch nor aiohttp before it has
found one.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from typing import TYPE_CHECKING, Any

from model_runtime.api import RuntimeUnavailable
from model_runtime.places import DaemonSpec, daemon_files, runtime_folder
from model_runtime.transport import (
    STATUS_TIMEOUT_S,
    Endpoint,
    Unreachable,
    answers,
    process_ended,
    read_endpoint,
    read_endpoints,
)

if TYPE_CHECKING:
    from model_runtime.connection import Connection

STOP_TIMEOUT_S = 10.0

_POLL_S = 0.04


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
    """End a daemon and wait until its process is gone; False when none runs. Raises ModelNotFound,
    RuntimeUnavailable.
    """
    endpoint = _endpoint_of(target)
    connection = await open_connection(endpoint)
    if connection is None or endpoint is None:
        return False
    try:
        await connection.shutdown(timeout_s)
    except Unreachable:
        pass  # it ends already
    except RuntimeUnavailable as failure:
        if not process_ended(endpoint.pid):
            raise _stuck(endpoint, "does not answer") from failure
    finally:
        await connection.close()
    await _until_gone(endpoint)
    return True


def running_daemons() -> list[Endpoint]:
    """The daemons of this user that accept connections, whatever their model. Raises
    RuntimeUnavailable.
    """
    return [endpoint for endpoint in read_endpoints(runtime_folder()) if answers(endpoint)]


async def open_connection(endpoint: Endpoint | None) -> Connection | None:
    """A connection to `endpoint`, if it accepts one."""
    if endpoint is None or not answers(endpoint):
        return None
    # aiohttp takes a quarter of a second to import: not on the event loop, and only for those who
    # talk to a daemon.
    module = await asyncio.to_thread(importlib.import_module, "model_runtime.connection")
    connection: Connection = module.Connection(endpoint)
    return connection


def _endpoint_of(target: DaemonSpec | Endpoint) -> Endpoint | None:
    return target if isinstance(target, Endpoint) else read_endpoint(daemon_files(target).endpoint)


async def _until_gone(endpoint: Endpoint) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while not process_ended(endpoint.pid):
        if time.monotonic() > deadline:
            raise _stuck(endpoint, "does not end")
        await asyncio.sleep(_POLL_S)


def _stuck(endpoint: Endpoint, what: str) -> RuntimeUnavailable:
    return RuntimeUnavailable(
        f"The model daemon (process {endpoint.pid}) {what}.", f"Try `kill -9 {endpoint.pid}`."
    )
