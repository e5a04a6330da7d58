"""The daemon's HTTP front: an ASGI application around one resident model. See wire.py for the
format of what it reads and writes.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_runtime import wire
from model_runtime.answers import Reply
from model_runtime.api import (
    Chunk,
    Event,
    Finished,
    InvalidRequest,
    MissingCapability,
    ModelNotFound,
    RuntimeFailure,
)
from model_runtime.failures import as_failure
from model_runtime.request_body import CompletionBody, parse_completion, parse_json
from model_runtime.resident import ResidentModel
from model_runtime.versions import own_version

MAX_BODY_BYTES = 16 * 2**20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the front says about its daemon, and how a client may end it."""

    stop: Callable[[], None]
    token: str = ""
    """Bearer token that every request needs; empty with a Unix socket, which the file system
    protects.
    """
    idle_timeout_s: float = 0
    started_at: float = field(default_factory=time.time)


def make_app(model: ResidentModel, options: ServerOptions) -> Starlette:
    """The application; it serves status from the first moment, completions once the model is
    loaded.
    """
    front = _Front(model, options)
    return Starlette(
        routes=[
            Route("/v1/models", front.models),
            Route("/v1/status", front.status),
            Route("/v1/completions", front.completions, methods=["POST"]),
            Route("/v1/chat/completions", front.chat, methods=["POST"]),
            Route("/v1/shutdown", front.shutdown, methods=["POST"]),
        ],
        middleware=[Middleware(_Guard, token=options.token)],
        exception_handlers={HTTPException: _http_error},
    )


class _Front:
    def __init__(self, model: ResidentModel, options: ServerOptions) -> None:
        self._model = model
        self._options = options
        self._version = own_version()

    async def models(self, _request: Request) -> Response:
        with self._model.active():
            engine = await self._model.engine()
        created = int(self._options.started_at)
        return _json({"object": "list", "data": [wire.model_to_json(engine.info, created)]})

    async def status(self, _request: Request) -> Response:
        model, options = self._model, self._options
        if model.lost:  # about to end: a client that looks for a daemon should start another
            raise model.lost
        engine, failure = model.ready_engine(), model.failure
        created = int(options.started_at)
        return _json(
            {
                "state": _state(model),
                "progress": wire.progress_to_json(model.progress),
                "error": wire.failure_to_json(failure) if failure else None,
                "model": wire.model_to_json(engine.info, created) if engine else None,
                "pid": os.getpid(),
                "version": self._version,
                "started_at": options.started_at,
                "idle_s": model.idle_s,
                "idle_timeout_s": options.idle_timeout_s,
                "engine": model.engine_stats(),
            }
        )

    async def completions(self, request: Request) -> Response:
        body = parse_completion(parse_json(await _read_body(request)))
        return _CompletionResponse(self._model, body)

    async def chat(self, _request: Request) -> Response:
        raise MissingCapability(
            "This version of the daemon does not chat yet.", "Use /v1/completions."
        )

    async def shutdown(self, _request: Request) -> Response:
        self._options.stop()
        return _json({"stopping": True})


class _CompletionResponse(Response):
    """Runs the request while it is sent, and aborts it when the client goes away."""

    def __init__(self, model: ResidentModel, body: CompletionBody) -> None:
        self._model = model
        self._body = body

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        with self._model.active():
            await _while_connected(self._answer(send), receive)

    async def _answer(self, send: Send) -> None:
        engine = await self._model.engine()
        wanted = self._body.model
        if wanted is not None and wanted not in (engine.info.id, self._model.name):
            raise ModelNotFound(
                f"`model`: this daemon serves {engine.info.id}, not {wanted!r}.",
                "Leave `model` out, or see /v1/models.",
            )
        reply = Reply(engine.info.id)
        async with aclosing(self._model.events(engine, self._body.request)) as events:
            write = _write_stream if self._body.stream else _write_whole
            await write(events, reply, send)


async def _write_whole(events: AsyncIterator[Event], reply: Reply, send: Send) -> None:
    chunks: list[Chunk] = []
    async for event in events:
        if isinstance(event, Finished):
            await _send_json(send, reply.whole(chunks, event))
        else:
            chunks.append(event)


async def _write_stream(events: AsyncIterator[Event], reply: Reply, send: Send) -> None:
    # The head waits for the first event, so that a failure before it has its own HTTP status.
    started = False
    try:
        async for event in events:
            if not started:
                started = True
                await _send_head(send, 200, b"text/event-stream")
            last = isinstance(event, Finished)
            message = wire.sse(reply.chunk(event)) + (wire.SSE_DONE if last else b"")
            await _send_body(send, message, more=not last)
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


class _Guard:
    """The outermost layer: checks the token, turns every failure into a JSON error, and lets none
    end the process.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        if not self._permits(scope):
            message = "The token is missing or wrong."
            error = wire.error_to_json("unauthorized", message, "It is in the endpoint file.", 401)
            await _send_json(send, {"error": error}, 401)
            return
        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - one request's failure must not reach another
            failure = as_failure(error)
            if not started:
                await _send_failure(send, failure)

    def _permits(self, scope: Scope) -> bool:
        if self._expected is None:
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, self._expected)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES // 2**20} MiB.")
    return bytes(body)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    content = wire.error_to_json(InvalidRequest.code, error.detail, "", error.status_code)
    return _json({"error": content}, error.status_code)


def _state(model: ResidentModel) -> str:
    if model.failure:
        return "failed"
    return "loading" if model.loading else "ready"


def _json(content: wire.Json, status: int = 200) -> Response:
    return Response(wire.encode(content), status, media_type="application/json")


async def _send_failure(send: Send, failure: RuntimeFailure) -> None:
    content = {"error": wire.failure_to_json(failure)}
    await _send_json(send, content, wire.http_status(failure))


async def _send_json(send: Send, content: wire.Json, status: int = 200) -> None:
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
