"""The server's way to a model that chats: the completion model itself, the daemon's second model,
or an engine elsewhere that speaks OpenAI's API. Settings decide, at any time.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

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
        self._endpoint: Runtime | None = None

    @property
    def available(self) -> bool:
        """Whether chats can be answered, as far as it is known without asking a model."""
        if self._settings.chat_endpoint or self._settings.chat_model:
            return True
        return _chats(self._runtime.known)

    @property
    def why_not(self) -> str:
        """One sentence on which setting brings chat; empty while it is available."""
        if self.available:
            return ""
        known = self._runtime.known
        subject = "The model that is set" if known is None else known.id
        does = "is not loaded yet; if it does not chat," if known is None else "does not chat:"
        return f"{subject} {does} {REMEDY}"

    @property
    def model_name(self) -> str:
        """Which model answers; empty where an engine elsewhere chooses."""
        if self._settings.chat_endpoint or self._settings.chat_model:
            return self._settings.chat_model
        return "" if self._runtime.known is None else self._runtime.known.id

    @property
    def context_length(self) -> int | None:
        """Tokens that a conversation and its answer share; None where that is not known here."""
        if self._settings.chat_endpoint or self._settings.chat_model:
            return None
        return None if self._runtime.known is None else self._runtime.known.context_length

    def configure(self, settings: Settings) -> None:
        """Follow new settings. An engine that is no longer meant is let go of."""
        before, self._settings = self._settings, settings
        if all(getattr(before, name) == getattr(settings, name) for name in _SETTINGS):
            return
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            self._in_background(_closed(endpoint))

    async def ready(self) -> None:
        """Wait until it is known whether there is a model that chats. Raises MissingCapability if
        there is none, and RuntimeFailure if the model cannot be loaded.
        """
        if not self.available and self._runtime.known is None:
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
        async with aclosing(_closable(self._engine().stream(request))) as events:
            async for event in events:
                yield event

    async def complete(self, request: ChatRequest) -> Completion:
        """Collect a whole answer; cancelling aborts the request in the engine. Raises
        RuntimeFailure.
        """
        await self.ready()
        return await self._engine().complete(request)

    async def close(self) -> None:
        """Let go of the engine elsewhere, if one is in use; the next request opens it anew."""
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            await _closed(endpoint)

    def _engine(self) -> Runtime | RuntimeLink:
        if not self._settings.chat_endpoint:
            return self._runtime
        if self._endpoint is None:
            self._endpoint = self._open_endpoint(self._settings)
        return self._endpoint


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
