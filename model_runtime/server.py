"""The daemon's HTTP front: an ASGI application around one resident model. See wire.py for the
format of what it reads and writes.
"""

from __future__ import annotations

import hmac
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_runtime import wire
from model_runtime.api import InvalidRequest, ModelInfo
from model_runtime.chat_body import parse_chat
from model_runtime.failures import as_failure
from model_runtime.fields import parse_json
from model_runtime.replies import AnswerResponse, send_failure, send_json
from model_runtime.request_body import parse_completion
from model_runtime.resident_models import ResidentModels
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


def make_app(models: ResidentModels, options: ServerOptions) -> Starlette:
    """The application; it serves status from the first moment, completions once the model is
    loaded.
    """
    front = _Front(models, options)
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
    def __init__(self, models: ResidentModels, options: ServerOptions) -> None:
        self._models = models
        self._options = options
        self._version = own_version()

    async def models(self, _request: Request) -> Response:
        own = self._models.own
        with own.active():
            await own.engine()
        listed = [self._describe(info) for info in self._models.loaded()]
        return _json({"object": "list", "data": listed})

    async def status(self, _request: Request) -> Response:
        model, options = self._models.own, self._options
        if model.lost:  # about to end: a client that looks for a daemon should start another
            raise model.lost
        engine, failure = model.ready_engine(), model.failure
        return _json(
            {
                "state": model.state,
                "progress": wire.progress_to_json(model.progress),
                "error": wire.failure_to_json(failure) if failure else None,
                "model": self._describe(engine.info) if engine else None,
                "pid": os.getpid(),
                "version": self._version,
                "started_at": options.started_at,
                "idle_s": model.idle_s,
                "idle_timeout_s": options.idle_timeout_s,
                "engine": model.engine_stats(),
                "chat": self._models.described(self._describe),
            }
        )

    async def completions(self, request: Request) -> Response:
        body = parse_completion(parse_json(await _read_body(request)))
        return AnswerResponse(self._models, body)

    async def chat(self, request: Request) -> Response:
        body = parse_chat(parse_json(await _read_body(request)))
        return AnswerResponse(self._models, body)

    async def shutdown(self, _request: Request) -> Response:
        self._options.stop()
        return _json({"stopping": True})

    def _describe(self, info: ModelInfo) -> wire.Json:
        return wire.model_to_json(info, int(self._options.started_at))


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
            await send_json(send, {"error": error}, 401)
            return
        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - one request's failure must not reach another
            failure = as_failure(error)
            if not started:
                await send_failure(send, failure)

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


def _json(content: wire.Json, status: int = 200) -> Response:
    return Response(wire.encode(content), status, media_type="application/json")
