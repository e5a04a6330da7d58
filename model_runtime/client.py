"""A client's side of the daemon: finds it, starts it when nobody has, and speaks with it as an
api.Runtime.

Imports neither torch nor aiohttp; aiohttp comes with the first request.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_runtime.api import (
    Capability,
    ChatRequest,
    Completion,
    Event,
    LoadProgress,
    ModelInfo,
    Priority,
    ProgressCallback,
    Request,
    RuntimeFailure,
    RuntimeUnavailable,
)
from model_runtime.chat_progress import chat_loading_reported, fetch_chat_model
from model_runtime.hub_process import download, needs_download
from model_runtime.launch import Launcher, RestartBrake, absolute_if_there
from model_runtime.places import DaemonFiles, DaemonSpec, daemon_files
from model_runtime.running import daemon_status, open_connection, running_daemons, stop_daemon
from model_runtime.silence import state_of, unless_silent
from model_runtime.transport import Endpoint, Silent, Unreachable, read_endpoint
from model_runtime.versions import is_older, own_version

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
_UNUSED_S = 5.0
"""An older version's daemon that was not asked for so long is replaced: no other window is in the
middle of something.
"""


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
        self._progress = progress or (lambda _: None)
        self._reported: LoadProgress | None = None
        self._autostart = autostart
        self._connecting: asyncio.Task[_Ready] | None = None
        self._brake = RestartBrake()
        self._fetching = asyncio.Lock()

    async def info(self) -> ModelInfo:
        """Describe the model; waits until it is loaded. Raises RuntimeFailure."""
        return (await self._ready()).info

    async def complete(self, request: Request) -> Completion:
        """Collect a whole answer; cancelling aborts the request in the engine. Raises
        RuntimeFailure.
        """
        try:
            return await self._complete_once(request)
        except Unreachable:
            return await self._complete_once(request)

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield chunks, then exactly one Finished; closing the iterator aborts the request in the
        engine. Raises RuntimeFailure.
        """
        try:
            async with aclosing(self._stream_once(request)) as events:
                async for event in events:
                    yield event
            return
        except Unreachable:  # which comes before anything was yielded
            pass
        async with aclosing(self._stream_once(request)) as events:
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

    async def _complete_once(self, request: Request) -> Completion:
        ready = await self._ready_for(request)
        try:
            async with self._telling_progress(ready, request):
                answer = ready.connection.complete(request)
                completion = await unless_silent(answer, ready.connection)
        except RuntimeUnavailable as failure:
            await self._forget(ready, failure)
            raise
        ready.has_answered = True
        return completion

    async def _stream_once(self, request: Request) -> AsyncGenerator[Event, None]:
        ready = await self._ready_for(request)
        got_any = False
        try:
            async with (
                self._telling_progress(ready, request),
                aclosing(ready.connection.stream(request)) as events,
            ):
                while event := await unless_silent(anext(events, None), ready.connection):
                    got_any = True
                    yield event
        except RuntimeUnavailable as failure:
            await self._forget(ready, failure)
            raise
        except (GeneratorExit, asyncio.CancelledError):
            ready.has_answered |= got_any  # and it was enough
            raise
        ready.has_answered = True

    def _telling_progress(
        self, ready: _Ready, request: Request
    ) -> contextlib.AbstractAsyncContextManager[None]:
        return chat_loading_reported(ready.connection, request, self._report)

    async def _ready_for(self, request: Request) -> _Ready:
        """The connection to use. Nobody waits for idle work, so it starts no daemon."""
        if request.priority is Priority.IDLE:
            known = _outcome(self._connecting) if self._connecting else None
            if known is None:
                raise RuntimeUnavailable("Nothing is computed ahead while no model is there.")
            return known
        ready = await self._ready()
        needs_chat_model = Capability.CHAT not in ready.info.capabilities
        if isinstance(request, ChatRequest) and needs_chat_model and self._autostart:
            async with self._fetching:  # for all chats that wait for it
                await fetch_chat_model(self._spec.chat_model, self._report)
        return ready

    async def _ready(self) -> _Ready:
        """A connection to a daemon whose model is loaded. All requests share one attempt, which
        outlives those that are cancelled.
        """
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._note_end)
        return await asyncio.shield(self._connecting)

    async def _forget(self, gone: _Ready, failure: RuntimeUnavailable) -> None:
        """Connect anew next time: the daemon behind `gone` has ended, and idle connections of the
        pool may not have noticed yet.
        """
        task = self._connecting
        if task and _outcome(task) is gone:
            self._connecting = None
            why = RuntimeUnavailable(failure.message, gone.connection.log_hint)
            self._brake.daemon_lost(why, has_answered=gone.has_answered)
            await gone.connection.close()

    async def _connect(self) -> _Ready:
        await self._download()
        files = daemon_files(self._spec)
        launcher = Launcher(self._spec, files)
        connection, state = await self._any_daemon(files, launcher)
        if self._autostart and _is_outdated(state):
            await connection.close()
            with contextlib.suppress(RuntimeUnavailable):  # then it serves on
                await stop_daemon(self._spec)
            connection, state = await self._any_daemon(files, launcher)
        try:
            return _Ready(connection, await self._loaded(connection, state))
        except Silent as failure:
            await connection.close()
            raise self._brake.start_failed(failure) from None
        except RuntimeUnavailable as failure:
            await connection.close()
            ended = await asyncio.to_thread(launcher.loading_failed)
            raise self._brake.start_failed(ended) from failure
        except BaseException:
            await connection.close()
            raise

    async def _download(self) -> None:
        """Fetch a model of the hub that has only been named so far."""
        if not self._autostart or not needs_download(self._spec.model):
            return
        self._brake.check()
        try:
            await download(self._spec.model, self._report)
        except RuntimeFailure as failure:
            raise self._brake.start_failed(failure) from None

    async def _any_daemon(
        self, files: DaemonFiles, launcher: Launcher
    ) -> tuple[Connection, DaemonState]:
        try:
            chat_model = absolute_if_there(self._spec.chat_model)
            while (found := await _find(read_endpoint(files.endpoint), chat_model)) is None:
                await self._start(launcher)
                await asyncio.sleep(POLL_S)
        except Silent as failure:
            raise self._brake.start_failed(failure) from None
        return found

    async def _start(self, launcher: Launcher) -> None:
        if not self._autostart:
            raise RuntimeUnavailable(
                "No daemon runs for this model.", "Start one with `fimbria serve`."
            )
        self._brake.check()
        self._report(LoadProgress("starting the model daemon", 0.0))
        try:
            await asyncio.to_thread(launcher.nobody_answers)
        except RuntimeUnavailable as failure:
            raise self._brake.start_failed(failure) from None

    async def _loaded(self, connection: Connection, state: DaemonState) -> ModelInfo:
        while not state.model:
            if state.failure:
                raise self._brake.start_failed(state.failure)
            self._report(state.progress)
            await asyncio.sleep(POLL_S)
            state = await state_of(connection)
        self._report(state.progress)
        return state.model

    def _report(self, progress: LoadProgress) -> None:
        if progress != self._reported:
            self._reported = progress
            self._progress(progress)

    def _note_end(self, task: asyncio.Task[_Ready]) -> None:
        if _outcome(task) is None and task is self._connecting:
            self._connecting = None


@dataclass(eq=False, slots=True)
class _Ready:
    """A connection to a daemon whose model is loaded; `has_answered` a request, since then."""

    connection: Connection
    info: ModelInfo
    has_answered: bool = False


def _outcome(task: asyncio.Task[_Ready]) -> _Ready | None:
    """What a successful attempt to connect has come to; a failed one counts as reported."""
    if not task.done() or task.cancelled() or task.exception():
        return None
    return task.result()


async def _find(
    endpoint: Endpoint | None, chat_model: str
) -> tuple[Connection, DaemonState] | None:
    """A connection to the daemon at `endpoint` and its state; None when nobody is there, or only a
    process that is about to end. Raises Silent.
    """
    connection = await open_connection(endpoint, chat_model)
    if connection is None:
        return None
    try:
        return connection, await state_of(connection)
    except Unreachable:
        await connection.close()
        return None
    except BaseException:
        await connection.close()
        raise


def _is_outdated(state: DaemonState) -> bool:
    return state.idle_s >= _UNUSED_S and is_older(state.version, own_version())
