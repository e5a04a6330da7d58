"""The server's way to a model that chats: the completion model itself, the daemon's second model,
or an engine elsewhere that speaks OpenAI's API. Settings decide, at any time.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lsp_server.endpoint import is_endpoint
from model_runtime.api import Capability, MissingCapability, RuntimeFailure

if TYPE_CHECKING:
    from lsp_server.runtime_link import RuntimeLink
    from lsp_server.settings import Settings
    from model_runtime.api import ChatRequest, Completion, Event, ModelInfo, Runtime

logger = logging.getLogger(__name__)

Background = Callable[[Coroutine[Any, Any, None]], None]

_SETTINGS = ("chat_endpoint", "chat_model", "chat_api_key")
REMEDY = (
    "set chat_model to an Instruct model, such as codellama/CodeLlama-7b-Instruct-hf, or "
    "chat_endpoint to the URL of an engine that speaks OpenAI's API."
)
"""What brings chat, as the end of a sentence."""
UNUSABLE_ENDPOINT = "chat_endpoint is no URL: it begins with http:// or https://."


@dataclass(eq=False, slots=True)
class _Endpoint:
    """An engine elsewhere. num_using: who must not have it closed under their hands."""

    runtime: Runtime
    num_using: int = 0


class ChatLink:
    """Answers chats wherever the settings say.

    runtime: the way to the completion model, whose daemon also runs `chat_model`.
    in_background: starts what nobody waits for.
    open_endpoint: makes the runtime behind `chat_endpoint`.
    """

    def __init__(
        self,
        runtime: RuntimeLink,
        settings: Settings,
        in_background: Background,
        open_endpoint: Callable[[Settings], Runtime] | None = None,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._in_background = in_background
        self._open_endpoint = open_endpoint or _openai_runtime
        self._endpoint: _Endpoint | None = None
        self._described: ModelInfo | None = None

    @property
    def available(self) -> bool:
        """Whether chats can be answered, as far as it is known without asking a model."""
        if self._settings.chat_endpoint:
            return is_endpoint(self._settings.chat_endpoint)
        if self._settings.chat_model:
            return True
        return _chats(self._runtime.known)

    @property
    def why_not(self) -> str:
        """One sentence on which setting brings chat; empty while it is available."""
        if self.available:
            return ""
        if self._settings.chat_endpoint:
            return UNUSABLE_ENDPOINT
        known = self._runtime.known
        subject = "The model that is set" if known is None else known.id
        does = "is not loaded yet; if it does not chat," if known is None else "does not chat:"
        return f"{subject} {does} {REMEDY}"

    @property
    def model_name(self) -> str:
        """Which model answers, as far as that is known yet."""
        answering = self._answering
        if self._settings.chat_endpoint or answering is None:
            return self._settings.chat_model or ("" if answering is None else answering.id)
        return answering.id

    @property
    def context_length(self) -> int | None:
        """Tokens that a conversation and its answer share; None where that is not known here."""
        answering = self._answering
        return None if answering is None else answering.context_length

    @property
    def cuts_conversations(self) -> bool:
        """Whether what is too long for the model is cut to size by who answers: engines elsewhere
        refuse it.
        """
        return not self._settings.chat_endpoint

    @property
    def _answering(self) -> ModelInfo | None:
        if self._settings.chat_endpoint:
            return self._described
        known = self._runtime.known
        return None if self._settings.chat_model and not _chats(known) else known

    def configure(self, settings: Settings) -> None:
        """Follow new settings. An engine that is no longer meant is let go of, once it has ended
        the answers that it has begun.
        """
        before, self._settings = self._settings, settings
        if all(getattr(before, name) == getattr(settings, name) for name in _SETTINGS):
            return
        endpoint, self._endpoint, self._described = self._endpoint, None, None
        if endpoint is not None and not endpoint.num_using:
            self._in_background(_closed(endpoint.runtime))

    async def ready(self) -> None:
        """Wait until it is known whether there is a model that chats. Raises MissingCapability if
        there is none, and RuntimeFailure if the model cannot be loaded.
        """
        is_unknown = not self._settings.chat_endpoint and self._runtime.known is None
        if not self.available and is_unknown:
            await self._runtime.describe()
        if not self.available:
            logger.info("Nobody answers a chat: %s", self.why_not)
            raise MissingCapability(self.why_not)

    def note_what_is_missing(self) -> None:
        """Log which setting would bring chat, if a model is there that has none."""
        if not self.available and self._runtime.known is not None:
            logger.info("%s", self.why_not)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Yield chunks, then exactly one Finished; closing the iterator aborts the request in the
        engine. Raises RuntimeFailure.
        """
        await self.ready()
        async with (
            self._engine() as engine,
            aclosing(_closable(engine.stream(request))) as events,
        ):
            async for event in events:
                yield event

    async def complete(self, request: ChatRequest) -> Completion:
        """Collect a whole answer; cancelling aborts the request in the engine. Raises
        RuntimeFailure.
        """
        await self.ready()
        async with self._engine() as engine:
            return await engine.complete(request)

    async def close(self) -> None:
        """Let go of the engine elsewhere, if one is in use; the next request opens it anew."""
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            await _closed(endpoint.runtime)

    @asynccontextmanager
    async def _engine(self) -> AsyncGenerator[Runtime | RuntimeLink, None]:
        if not self._settings.chat_endpoint:
            yield self._runtime
            return
        if self._endpoint is None:
            self._endpoint = _Endpoint(self._open_endpoint(self._settings))
        if self._described is None:
            self._in_background(self._learn(self._endpoint))
        async with self._using(self._endpoint) as runtime:
            yield runtime

    @asynccontextmanager
    async def _using(self, endpoint: _Endpoint) -> AsyncGenerator[Runtime, None]:
        endpoint.num_using += 1
        try:
            yield endpoint.runtime
        finally:
            endpoint.num_using -= 1
            if endpoint is not self._endpoint and not endpoint.num_using:
                await _closed(endpoint.runtime)

    async def _learn(self, endpoint: _Endpoint) -> None:
        """Ask what the engine tells of its model. No answer waits for it: some engines say nothing
        of it while they compute.
        """
        try:
            async with self._using(endpoint) as runtime:
                described = await runtime.info()
        except RuntimeFailure as failure:
            logger.debug("The chat engine does not describe itself: %s", failure)
            return
        if endpoint is self._endpoint:
            self._described = described


def _chats(model: ModelInfo | None) -> bool:
    return model is not None and Capability.CHAT in model.capabilities


def _closable(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    """Every runtime's stream is a generator, though its protocol promises less."""
    return cast("AsyncGenerator[Event, None]", events)


def _openai_runtime(settings: Settings) -> Runtime:
    from model_runtime.openai_runtime import OpenAIRuntime

    return OpenAIRuntime(settings.chat_endpoint, settings.chat_model, settings.chat_api_key)


async def _closed(runtime: Runtime) -> None:
    try:
        await runtime.close()
    except RuntimeFailure as failure:
        logger.info("While closing the chat engine: %s", failure)
