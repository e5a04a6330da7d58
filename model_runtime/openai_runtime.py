"""An engine elsewhere that speaks OpenAI's API, as an api.Runtime. aiohttp comes with the first
request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_runtime.api import (
    Capability,
    Completion,
    CompletionRequest,
    Event,
    Finished,
    FinishReason,
    MissingCapability,
    ModelInfo,
    Request,
    RuntimeFailure,
    RuntimeUnavailable,
    Timings,
    Usage,
)
from model_runtime.openai_answer import Answer, read_answer
from model_runtime.openai_failures import Complaints, in_words
from model_runtime.openai_messages import (
    UNKNOWN_CONTEXT_LENGTH,
    Dialect,
    Listed,
    body_of,
    path_of,
    read_models,
)

if TYPE_CHECKING:
    import aiohttp

_CONNECT_S = 10.0
_LISTING_S = 15.0
_READ_BUFFER_BYTES = 2**20
_MAX_ERROR_BYTES = 64 * 2**10
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class OpenAIRuntime:
    """A model behind an OpenAI-compatible API, such as vLLM's or llama.cpp's. Belongs to one event
    loop.

    base_url: what stands before `/chat/completions`. model: its name there; empty takes the first
    one listed. silence_s: how long the engine may say nothing, before its first byte or later.
    infills: whether its completions take a `suffix`; few do, and some ignore it silently.
    """

    def __init__(
        self,
        base_url: str,
        model: str = "",
        api_key: str = "",
        *,
        silence_s: float = 120.0,
        infills: bool = False,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._model = model
        self._api_key = api_key = api_key.strip()  # such as a file's last line break
        self._silence_s = silence_s
        self._infills = infills
        self._dialect = Dialect()
        self._complaints = Complaints(_place(self._base), api_key)
        self._opened: aiohttp.ClientSession | None = None
        self._first: str | None = None

    async def info(self) -> ModelInfo:
        """Describe the model, as far as the engine tells. Raises RuntimeFailure."""
        listed = await self._listed()
        first = listed[0].id if listed else _host(self._base)
        name = self._model or first
        lengths = {model.id: model.context_length for model in listed}
        capabilities = {Capability.COMPLETION, Capability.CHAT}
        if self._infills:
            capabilities.add(Capability.INFILLING)
        return ModelInfo(
            id=name,
            context_length=lengths.get(name, UNKNOWN_CONTEXT_LENGTH),
            capabilities=frozenset(capabilities),
            device=_host(self._base),
            dtype="",
        )

    async def complete(self, request: Request) -> Completion:
        """Collect a whole answer; cancelling closes the connection. Raises RuntimeFailure."""
        answer = Answer(request.num_candidates, request.max_tokens, request.stop)
        async with aclosing(self._run(request, answer)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    finished = event
        return Completion(
            text=answer.texts[0],
            model=answer.model or request_model(request) or self._model,
            finish_reason=finished.reason,
            usage=finished.usage,
            timings=finished.timings,
            texts=answer.texts,
            candidates=finished.candidates,
        )

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield chunks, then exactly one Finished; closing the iterator closes the connection,
        which ends the answer in every engine that watches it. Raises RuntimeFailure.
        """
        answer = Answer(request.num_candidates, request.max_tokens, request.stop)
        async with aclosing(self._run(request, answer)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Release connections."""
        session, self._opened = self._opened, None
        if session is not None:
            await session.close()

    async def _run(self, request: Request, answer: Answer) -> AsyncGenerator[Event, None]:
        if isinstance(request, CompletionRequest) and request.suffix is not None:
            self._check_infilling()
        began = time.perf_counter()
        if not request.max_tokens:  # only warms a cache, which others do or do not have
            yield Finished(FinishReason.LENGTH, Usage(0, 0, 0), Timings(0.0, 0.0, 0.0))
            return
        first = began
        with self._translated_errors():
            async with self._answering(request) as response:
                async with aclosing(read_answer(response, answer)) as chunks:
                    async for chunk in chunks:
                        first = time.perf_counter() if first == began else first
                        yield chunk
                if answer.error is not None:
                    raise self._complaints.broke_off(answer.error)
                if not answer.complete:
                    raise self._complaints.cut_off()
        yield answer.finished(began, first)

    @contextlib.asynccontextmanager
    async def _answering(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """The engine's answer while it comes; adapts to the engine where it asks for that."""
        model = request_model(request) or self._model or await self._first_listed()
        while True:
            response = await self._session().post(
                self._base + path_of(request),
                json=body_of(request, model, self._dialect),
                allow_redirects=False,
            )
            try:
                if response.status == 200:
                    yield response
                    return
                body = await _beginning(response)
            finally:
                response.close()
            if not self._adapt(response.status, body):
                raise self._complaints.refused(response.status, body, model)

    def _adapt(self, status: int, body: bytes) -> bool:
        """Speak as the engine wants where its refusal names what it does not know."""
        before = self._dialect
        if status in (400, 422) and before.asks_usage and b"stream_options" in body:
            self._dialect = replace(before, asks_usage=False)
        elif status == 400 and b"max_completion_tokens" in body:
            self._dialect = replace(before, max_tokens="max_completion_tokens")
        return self._dialect != before

    async def _first_listed(self) -> str:
        """The first model's name; empty lets the engine choose, which those with one model do."""
        if self._first is None:
            listed = await self._listed()
            self._first = listed[0].id if listed else ""
        return self._first

    async def _listed(self) -> list[Listed]:
        """The engine's models; none where it has no such list. Raises RuntimeFailure where it
        cannot be reached or refuses the key.
        """
        with self._translated_errors():
            async with (
                asyncio.timeout(min(_LISTING_S, self._silence_s)),
                self._session().get(f"{self._base}/models", allow_redirects=False) as response,
            ):
                if response.status in (401, 403):
                    body = await _beginning(response)
                    raise self._complaints.refused(response.status, body, self._model)
                if response.status != 200:
                    return []
                return read_models(json.loads(await response.read()))

    def _check_infilling(self) -> None:
        if not self._infills:
            raise MissingCapability(
                f"The engine at {self._complaints.url} is not known to fill in.",
                "Complete a text without suffix there, or use a local model for infilling.",
            )

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            import aiohttp

            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_S, sock_read=self._silence_s
            )
            key = self._api_key
            self._opened = aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {key}"} if key else None,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=_READ_BUFFER_BYTES,
                timeout=timeout,
                # A company's proxy is the way out, but not to this machine itself.
                trust_env=_host(self._base) not in _LOOPBACK,
            )
        return self._opened

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        import aiohttp
        from aiohttp.http_exceptions import HttpProcessingError

        complaints = self._complaints
        try:
            yield
        except RuntimeFailure:
            raise
        except aiohttp.ConnectionTimeoutError as error:
            raise complaints.unreachable("no connection in time") from error
        except TimeoutError as error:
            raise complaints.silent(self._silence_s) from error
        except aiohttp.ClientConnectorError as error:
            raise complaints.unreachable(in_words(error.os_error)) from error
        except aiohttp.InvalidURL as error:
            raise RuntimeUnavailable(
                f"{complaints.url} is no URL of an engine.", "Correct chat_endpoint."
            ) from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise complaints.cut_off() from error
        except (
            *(aiohttp.ClientError, HttpProcessingError),
            *(KeyError, TypeError, ValueError),
        ) as error:
            raise complaints.unreadable() from error


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """As much of a refusal as anybody would read; it may come in pieces."""
    body = bytearray()
    while len(body) < _MAX_ERROR_BYTES and (piece := await response.content.readany()):
        body += piece
    return bytes(body)


def request_model(request: Request) -> str:
    """The model that a request names itself; empty if it does not."""
    return "" if isinstance(request, CompletionRequest) else request.model


def _place(url: str) -> str:
    """The URL without a password that may be in it."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return url


def _host(url: str) -> str:
    """The machine's name; empty if there is none."""
    with contextlib.suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""
