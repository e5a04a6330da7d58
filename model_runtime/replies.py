"""Answers on their way out of the daemon: a request runs while its answer is sent, and is aborted
when the client goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from model_runtime import wire
from model_runtime.answers import CHAT, COMPLETION, Reply
from model_runtime.api import (
    ChatRequest,
    Chunk,
    Event,
    Finished,
    RuntimeFailure,
)
from model_runtime.failures import as_failure
from model_runtime.request_body import Body
from model_runtime.resident_models import ResidentModels


class AnswerResponse(Response):
    """Runs the request while it is sent, and aborts it when the client goes away."""

    def __init__(self, models: ResidentModels, body: Body) -> None:
        self._models = models
        self._body = body

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        with self._models.own.active():
            await _while_connected(self._answer(send), receive)

    async def _answer(self, send: Send) -> None:
        request = self._body.request
        model = await self._models.answering(self._body)
        with model.active():  # from here on nothing else is loaded in its place
            engine = await model.engine()
            reply = _reply(engine.info.id, self._body)
            async with aclosing(model.events(engine, request)) as events:
                if self._body.stream:
                    await _write_stream(events, reply, request.num_candidates, send)
                else:
                    await _write_whole(events, reply, send)


def _reply(model: str, body: Body) -> Reply:
    form = CHAT if isinstance(body.request, ChatRequest) else COMPLETION
    return Reply(model, form, separate_usage=body.separate_usage)


async def _write_whole(events: AsyncIterator[Event], reply: Reply, send: Send) -> None:
    chunks: list[Chunk] = []
    async for event in events:
        if isinstance(event, Finished):
            await send_json(send, reply.whole(chunks, event))
        else:
            chunks.append(event)


async def _write_stream(
    events: AsyncIterator[Event], reply: Reply, num_candidates: int, send: Send
) -> None:
    # The head waits for the first event, so that a failure before it has its own HTTP status.
    started = False
    try:
        async for event in events:
            messages = reply.messages(event)
            if not started:
                started = True
                await _send_head(send, 200, b"text/event-stream")
                messages = [*reply.opening(num_candidates), *messages]
            last = isinstance(event, Finished)
            body = b"".join(map(wire.sse, messages)) + (wire.SSE_DONE if last else b"")
            await _send_body(send, body, more=not last)
    except Exception as error:
        if not started:
            raise
        failure = wire.failure_to_json(as_failure(error))
        await _send_body(send, wire.sse({"error": failure}) + wire.SSE_DONE)


async def _while_connected(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Run `work` to its end, or cancel it when the client closes the connection."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
        if not working.done():
            working.cancel()
        await asyncio.wait({working, watching})
    if not working.cancelled():
        working.result()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_failure(send: Send, failure: RuntimeFailure) -> None:
    """Answer with an error."""
    content = {"error": wire.failure_to_json(failure)}
    await send_json(send, content, wire.http_status(failure))


async def send_json(send: Send, content: wire.Json, status: int = 200) -> None:
    """Answer in one piece."""
    body = wire.encode(content)
    await _send_head(send, status, b"application/json", length=len(body))
    await _send_body(send, body)


async def _send_head(
    send: Send, status: int, content_type: bytes, length: int | None = None
) -> None:
    headers = [(b"content-type", content_type), (b"cache-control", b"no-store")]
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _send_body(send: Send, body: bytes, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
