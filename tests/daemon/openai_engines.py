"""Engines that a test has written itself, behind real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from model_runtime.api import Chunk, Event, Finished
from model_runtime.openai_runtime import OpenAIRuntime
from tests.daemon.chatting import CHAT

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MODELS = {"object": "list", "data": [{"id": "first", "max_model_len": 4096}, {"id": "second"}]}


def piece(text: str, **members: Any) -> dict[str, Any]:
    """A part of a streamed chat."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} | members


def end(reason: str = "stop", **members: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]} | members


def sse(*messages: object, done: bool = True) -> str:
    texts = [m if isinstance(m, str) else f"data: {json.dumps(m)}\n\n" for m in messages]
    return "".join(texts) + ("data: [DONE]\n\n" if done else "")


def streamed(*messages: object, done: bool = True) -> Handler:
    """Answers every request with these messages."""

    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(text=sse(*messages, done=done), content_type="text/event-stream")

    return handle


def refusing(status: int, body: object) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        return web.Response(status=status, text=text, content_type=kind)

    return handle


class Engine:
    """An engine at `url` that answers as `answer` does. bodies: what it was asked; headers: with
    what.
    """

    def __init__(self, answer: Handler, models: Handler | None = None) -> None:
        self.answer = answer
        self._models = models
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        app = web.Application()
        app.router.add_get("/v1/models", self._models or self._list)
        for path in ("/v1/chat/completions", "/v1/completions"):
            app.router.add_post(path, self._asked)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        [(_, port)] = runner.addresses
        self.url = f"http://127.0.0.1:{port}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        return web.json_response(MODELS)

    async def _asked(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        return await self.answer(request)


def with_engine(
    engine: Engine, use: Callable[[OpenAIRuntime], Awaitable[None]], **options: Any
) -> None:
    """Run `use` with a client of a running engine, in an event loop of their own."""

    async def run() -> None:
        async with engine.running():
            runtime = OpenAIRuntime(engine.url, **options)
            try:
                await use(runtime)
            finally:
                await runtime.close()

    asyncio.run(run())


async def events_of(runtime: OpenAIRuntime, request: Any = CHAT) -> list[Event]:
    return [event async for event in runtime.stream(request)]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


def last_of(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    assert not any(isinstance(event, Finished) for event in events[:-1])
    return events[-1]
