"""A client's connections to one daemon. The only module that imports aiohttp; model_runtime.client
imports it when needed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import aiohttp

from model_runtime import wire
from model_runtime.answers import completion_from_json, events_from_json
from model_runtime.api import (
    Completion,
    Event,
    Finished,
    Request,
    RuntimeFailure,
    RuntimeUnavailable,
)
from model_runtime.places import log_hint
from model_runtime.transport import STATUS_TIMEOUT_S, Endpoint, Silent, Unreachable

_READ_BUFFER_BYTES = 2**20
# A completion may take minutes on a slow machine: whoever waits for it decides how long.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


class Connection:
    """Pooled connections to the daemon at `endpoint`. Belongs to the event loop in which it was
    made. chat_model: the second model of the client's settings.
    """

    def __init__(self, endpoint: Endpoint, chat_model: str = "") -> None:
        self._chat_model = chat_model
        self._endpoint = endpoint
        self._base = f"http://127.0.0.1:{endpoint.port}" if endpoint.port else "http://localhost"
        self._session = aiohttp.ClientSession(
            connector=_connector(endpoint),
            headers={"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else None,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BUFFER_BYTES,
            trust_env=False,
        )

    @property
    def pid(self) -> int:
        """The daemon's process."""
        return self._endpoint.pid

    @property
    def log_hint(self) -> str:
        """Where the daemon's log is; empty when it logs to a terminal."""
        return log_hint(Path(self._endpoint.log)) if self._endpoint.log else ""

    async def close(self) -> None:
        await self._session.close()

    async def status(self, timeout_s: float = STATUS_TIMEOUT_S) -> wire.Json:
        """GET /v1/status. Raises RuntimeUnavailable."""
        with self._translated_errors(answering=False):
            async with self._session.get(
                f"{self._base}/v1/status", timeout=_within(timeout_s)
            ) as response:
                await self._refuse_error(response)
                return await _object(response)

    async def state(self, timeout_s: float | None = None) -> wire.DaemonState:
        """What a client that waits for the model needs of the status. Raises RuntimeUnavailable."""
        with self._translated_errors():
            return wire.state_from_json(await self.status(timeout_s or STATUS_TIMEOUT_S))

    async def shutdown(self, timeout_s: float = STATUS_TIMEOUT_S) -> None:
        """POST /v1/shutdown. Raises RuntimeUnavailable."""
        with self._translated_errors(answering=False):
            async with self._session.post(
                f"{self._base}/v1/shutdown", timeout=_within(timeout_s)
            ) as response:
                await self._refuse_error(response)

    async def complete(self, request: Request) -> Completion:
        """A whole answer. Cancelling closes the connection, which aborts the request. Raises
        RuntimeFailure.
        """
        with self._translated_errors():
            async with self._post(request, stream=False) as response:
                return completion_from_json(await _object(response))

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The events. Closing the iterator closes the connection. Raises RuntimeFailure."""
        finished: Finished | None = None
        with self._translated_errors():
            async with self._post(request, stream=True) as response:
                async for event in _events(response):
                    # Handed on after the end mark is read: only then can the connection serve
                    # again.
                    if isinstance(event, Finished):
                        finished = event
                    else:
                        yield event
        if finished is None:
            raise self._lost()
        yield finished

    @contextlib.asynccontextmanager
    async def _post(
        self, request: Request, *, stream: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            response = await self._session.post(
                self._base + wire.request_path(request),
                data=wire.encode(
                    wire.request_to_json(request, stream=stream, chat_model=self._chat_model)
                ),
                headers={"Content-Type": "application/json"},
                timeout=_NO_TIMEOUT,
            )
        except aiohttp.ClientOSError as error:
            # The system has refused to send: the daemon had gone before it could read all of it.
            raise self._gone() from error
        try:
            await self._refuse_error(response)
            yield response
        except BaseException:
            response.close()  # not back to the pool: the daemon must see it closed, and abort
            raise
        else:
            response.release()

    async def _refuse_error(self, response: aiohttp.ClientResponse) -> None:
        if response.status < 400:
            return
        failure = wire.failure_from_json((await _object(response))["error"])
        if failure.code == RuntimeUnavailable.code:
            raise Unreachable(failure.message, failure.hint)
        raise failure

    @contextlib.contextmanager
    def _translated_errors(self, *, answering: bool = True) -> Iterator[None]:
        try:
            yield
        except aiohttp.ClientConnectorError as error:
            raise self._gone() from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise (self._lost() if answering else self._gone()) from error
        except TimeoutError as error:
            raise self._silent() from error
        except RuntimeError as error:  # how aiohttp tells that `close` was called meanwhile
            if not self._session.closed:
                raise
            raise self._lost() from error
        except (KeyError, TypeError, ValueError) as error:
            raise RuntimeFailure(
                "The model daemon's answer cannot be read: another version may be running.",
                "End it with `fimbria stop`.",
            ) from error

    def _lost(self) -> RuntimeUnavailable:
        if self._session.closed:
            return RuntimeUnavailable(
                "The answer was broken off: other settings were made, or the session ends.",
                "Ask again.",
            )
        return RuntimeUnavailable(
            "The model daemon ended while it was answering.",
            f"The next request starts it again. {self.log_hint}".strip(),
        )

    def _gone(self) -> Unreachable:
        return Unreachable("The model daemon has ended.", self.log_hint)

    def _silent(self) -> Silent:
        return Silent(
            f"The model daemon (process {self._endpoint.pid}) does not answer.",
            f"End it with `fimbria stop`. {self.log_hint}".strip(),
        )


def _within(timeout_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=timeout_s)


def _connector(endpoint: Endpoint) -> aiohttp.BaseConnector:
    if endpoint.path:
        return aiohttp.UnixConnector(endpoint.path, limit=0)
    return aiohttp.TCPConnector(limit=0)


async def _object(response: aiohttp.ClientResponse) -> wire.Json:
    value = json.loads(await response.read())
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    async for line in response.content:
        if line.startswith(b"data: {"):
            for event in events_from_json(json.loads(line[len(b"data: ") :])):
                yield event
