"""A client's side of the daemon: finds it, starts it when nobody has, and speaks with it as an
api.Runtime.

Imports neither torch nor aiohttp; aiohttp comes with the first request.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_runtime.api import (
    Completion,
    CompletionRequest,
    Event,
    LoadProgress,
    ModelInfo,
    ProgressCallback,
    RuntimeFailure,
    RuntimeUnavailable,
)
from model_runtime.launch import Launcher
from model_runtime.places import DaemonSpec, daemon_files, runtime_folder
from model_runtime.transport import (
    Endpoint,
    Unreachable,
    answers,
    process_exists,
    read_endpoint,
    read_endpoints,
)

if TYPE_CHECKING:
    from model_runtime.connection import Connection
    from model_runtime.wire import DaemonState

__all__ = [
    "DaemonRuntime",
    "DaemonSpec",
    "Endpoint",
    "daemon_status",
    "running_daemons",
    "stop_daemon",
]

POLL_S = 0.04
RETRY_PAUSE_S = 30.0
"""After a failed start, requests fail at once for so long: if each keystroke tried anew, the
machine would do nothing else.
"""
STOP_TIMEOUT_S = 10.0


class DaemonRuntime:
    """The model behind a daemon, started by the first request that needs it. Belongs to one event
    loop.
    """

    def __init__(
        self,
        spec: DaemonSpec,
        *,
        progress: ProgressCallback | None = None,
        autostart: bool = True,
    ) -> None:
        self._spec = spec
        self._progress = progress or _ignore
        self._reported: LoadProgress | None = None
        self._autostart = autostart
        self._connecting: asyncio.Task[_Ready] | None = None
        self._start_failure: RuntimeFailure | None = None
        self._retry_at = 0.0

    async def info(self) -> ModelInfo:
        """Describe the model; waits until it is loaded. Raises RuntimeFailure."""
        return (await self._ready()).info

    async def complete(self, request: CompletionRequest) -> Completion:
        """Collect a whole answer; cancelling aborts the request in the engine. Raises
        RuntimeFailure.
        """
        ready = await self._ready()
        try:
            return await ready.connection.complete(request)
        except RuntimeUnavailable as failure:
            await self._forget(ready)
            if not isinstance(failure, Unreachable):
                raise
        return await (await self._ready()).connection.complete(request)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Event, None]:
        """Yield chunks, then exactly one Finished; closing the iterator aborts the request in the
        engine. Raises RuntimeFailure.
        """
        ready = await self._ready()
        try:
            async with aclosing(ready.connection.stream(request)) as events:
                async for event in events:
                    yield event
            return
        except RuntimeUnavailable as failure:
            await self._forget(ready)
            if not isinstance(failure, Unreachable):  # which comes before anything was yielded
                raise
        ready = await self._ready()
        async with aclosing(ready.connection.stream(request)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Release connections; the daemon lives on."""
        task, self._connecting = self._connecting, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait({task})
        ready = _outcome(task)
        if ready:
            await ready.connection.close()

    async def _ready(self) -> _Ready:
        """A connection to a daemon whose model is loaded. All requests share one attempt, which
        outlives those that are cancelled.
        """
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._note_end)
        return await asyncio.shield(self._connecting)

    async def _forget(self, gone: _Ready) -> None:
        """Connect anew next time: the daemon behind `gone` has ended, and idle connections of the
        pool may not have noticed yet.
        """
        task = self._connecting
        if task and _outcome(task) is gone:
            self._connecting = None
            await gone.connection.close()

    async def _connect(self) -> _Ready:
        files = daemon_files(self._spec)
        launcher = Launcher(self._spec, files)
        while (found := await _find(read_endpoint(files.endpoint))) is None:
            await self._start(launcher)
            await asyncio.sleep(POLL_S)
        connection, state = found
        try:
            return _Ready(connection, await self._loaded(connection, state))
        except RuntimeUnavailable as failure:
            await connection.close()
            ended = await asyncio.to_thread(launcher.loading_failed)
            raise self._remembered(ended) from failure
        except BaseException:
            await connection.close()
            raise

    async def _start(self, launcher: Launcher) -> None:
        if not self._autostart:
            raise RuntimeUnavailable(
                "No daemon runs for this model.", "Start one with `fimbria serve`."
            )
        if self._start_failure and time.monotonic() < self._retry_at:
            raise self._start_failure
        self._report(LoadProgress("starting the model daemon", 0.0))
        try:
            await asyncio.to_thread(launcher.nobody_answers)
        except RuntimeUnavailable as failure:
            raise self._remembered(failure) from None

    async def _loaded(self, connection: Connection, state: DaemonState) -> ModelInfo:
        while not state.model:
            if state.failure:
                raise self._remembered(state.failure)
            self._report(state.progress)
            await asyncio.sleep(POLL_S)
            state = await connection.state()
        self._report(state.progress)
        return state.model

    def _remembered(self, failure: RuntimeFailure) -> RuntimeFailure:
        self._start_failure = failure
        self._retry_at = time.monotonic() + RETRY_PAUSE_S
        return failure

    def _report(self, progress: LoadProgress) -> None:
        if progress != self._reported:
            self._reported = progress
            self._progress(progress)

    def _note_end(self, task: asyncio.Task[_Ready]) -> None:
        if _outcome(task) is None and task is self._connecting:
            self._connecting = None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A connection to a daemon whose model is loaded."""

    connection: Connection
    info: ModelInfo


def _outcome(task: asyncio.Task[_Ready]) -> _Ready | None:
    """What a successful attempt to connect has come to; a failed one counts as reported."""
    if not task.done() or task.cancelled() or task.exception():
        return None
    return task.result()


async def daemon_status(target: DaemonSpec | Endpoint) -> dict[str, Any] | None:
    """What /v1/status says; None when no such daemon runs. Raises ModelNotFound,
    RuntimeUnavailable.
    """
    connection = await _open(_endpoint_of(target))
    if connection is None:
        return None
    try:
        return await connection.status()
    finally:
        await connection.close()


async def stop_daemon(target: DaemonSpec | Endpoint) -> bool:
    """End a daemon and wait until its process is gone; False when none runs. Raises ModelNotFound,
    RuntimeUnavailable.
    """
    endpoint = _endpoint_of(target)
    connection = await _open(endpoint)
    if connection is None or endpoint is None:
        return False
    try:
        await connection.shutdown()
    finally:
        await connection.close()
    await _until_gone(endpoint)
    return True


def running_daemons() -> list[Endpoint]:
    """The daemons of this user that accept connections, whatever their model. Raises
    RuntimeUnavailable.
    """
    return [endpoint for endpoint in read_endpoints(runtime_folder()) if answers(endpoint)]


def _endpoint_of(target: DaemonSpec | Endpoint) -> Endpoint | None:
    return target if isinstance(target, Endpoint) else read_endpoint(daemon_files(target).endpoint)


async def _find(endpoint: Endpoint | None) -> tuple[Connection, DaemonState] | None:
    """A connection to the daemon at `endpoint` and its state; None when nobody is there, or only a
    process that is about to end.
    """
    connection = await _open(endpoint)
    if connection is None:
        return None
    try:
        return connection, await connection.state()
    except RuntimeUnavailable:
        await connection.close()
        return None
    except BaseException:
        await connection.close()
        raise


async def _open(endpoint: Endpoint | None) -> Connection | None:
    """A connection to `endpoint`, if it accepts one."""
    if endpoint is None or not answers(endpoint):
        return None
    # aiohttp takes a quarter of a second to import: not on the event loop, and only for those who
    # talk to a daemon.
    module = await asyncio.to_thread(importlib.import_module, "model_runtime.connection")
    connection: Connection = module.Connection(endpoint)
    return connection


async def _until_gone(endpoint: Endpoint) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while process_exists(endpoint.pid):
        if time.monotonic() > deadline:
            raise RuntimeUnavailable(
                f"The model daemon (process {endpoint.pid}) does not end.",
                f"Try `kill -9 {endpoint.pid}`.",
            )
        await asyncio.sleep(POLL_S)


def _ignore(_: LoadProgress) -> None:
    return
