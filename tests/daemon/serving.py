"""A daemon inside the test's own process and event loop, around a scripted engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from model_runtime.api import CompletionRequest, Event
from model_runtime.client import DaemonRuntime, DaemonSpec
from model_runtime.connection import Connection
from model_runtime.http_loop import Ends, run_server
from model_runtime.listening import open_listener
from model_runtime.places import daemon_files
from model_runtime.presence import Presence
from model_runtime.resident import EngineLike, LoadEngine, ResidentModel
from model_runtime.resident_models import LoadChat, ResidentModels
from model_runtime.transport import Endpoint

SPEC = DaemonSpec()
REQUEST = CompletionRequest(prompt="def f():\n    ", suffix="\n", stop=("\n\n",), document="a")


@dataclass(frozen=True)
class Serving:
    """What a test needs of the daemon under test."""

    endpoint: Endpoint
    ended: asyncio.Task[None]
    runtime: DaemonRuntime

    @contextlib.asynccontextmanager
    async def http(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A plain HTTP client; addresses begin with a slash."""
        if self.endpoint.path:
            connector: aiohttp.BaseConnector = aiohttp.UnixConnector(self.endpoint.path)
            base = "http://localhost"
        else:
            connector, base = aiohttp.TCPConnector(), f"http://127.0.0.1:{self.endpoint.port}"
        async with aiohttp.ClientSession(base, connector=connector) as session:
            yield session

    async def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        async with self.http() as http, http.post(path, json=body) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        async with self.http() as http, http.get(path) as answer:
            return answer.status, await answer.json()


@contextlib.asynccontextmanager
async def serving(
    engine: EngineLike | LoadEngine,
    *,
    spec: DaemonSpec = SPEC,
    idle_timeout_s: float = 0,
    linger_s: float = 60,
    load_chat: LoadChat | None = None,
) -> AsyncIterator[Serving]:
    """Serve `engine`, or what the loading function returns, until the block ends. load_chat: loads
    the chat model of a name.
    """
    load: LoadEngine = engine if callable(engine) else lambda _: engine
    files = daemon_files(spec)
    listener = open_listener(spec, files, print)
    endpoint = Endpoint(
        path=listener.path,
        port=listener.port,
        token=listener.token,
        pid=os.getpid(),
        model=spec.model,
        device=spec.device,
        dtype=spec.dtype,
        log=str(files.log),
    )
    files.lock.touch()
    presence = Presence(files, endpoint, listener)
    presence.announce()
    model = ResidentModel(load, name=spec.model)
    model.start()
    models = ResidentModels(model, load_chat or no_chat_model, spec.chat_model)
    ends = Ends(idle_timeout_s, linger_s, presence.fault, look_s=0.01)
    ended = asyncio.create_task(run_server(listener, models, ends))
    runtime = DaemonRuntime(spec, autostart=False)
    try:
        yield Serving(endpoint, ended, runtime)
    finally:
        await runtime.close()
        await _end(endpoint, ended)
        presence.withdraw()


def no_chat_model(name: str) -> LoadEngine:
    raise AssertionError(f"nobody should ask for {name}")


async def collect(runtime: DaemonRuntime) -> list[Event]:
    return [event async for event in runtime.stream(REQUEST)]


async def _end(endpoint: Endpoint, ended: asyncio.Task[None]) -> None:
    if not ended.done():
        connection = Connection(endpoint)
        await connection.shutdown()
        await connection.close()
    await ended


def with_daemon(engine: Any, use: Callable[[Serving], Awaitable[None]], **options: Any) -> None:
    """Serve `engine` while `use` runs, in an event loop of their own."""

    async def run() -> None:
        async with serving(engine, **options) as daemon:
            await use(daemon)

    asyncio.run(run())
