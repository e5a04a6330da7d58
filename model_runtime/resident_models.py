"""The models of one daemon: its own from the start, and one for chats from the first that needs it.
All of it is for the event loop's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from model_runtime import wire
from model_runtime.api import (
    Capability,
    ChatRequest,
    ModelInfo,
    ModelNotFound,
    RuntimeFailure,
)
from model_runtime.models import model_name, resolve_model
from model_runtime.request_body import Body
from model_runtime.resident import LoadEngine, ResidentModel, give_memory_back

LoadChat = Callable[[str], LoadEngine]
"""How to load the second model of a name."""


class ResidentModels:
    """own: the daemon's first model. chat_name: what the second one is called in the settings that
    the daemon was started with; empty for none. load_chat: how to load the one of that name.
    """

    def __init__(self, own: ResidentModel, load_chat: LoadChat, chat_name: str = "") -> None:
        self.own = own
        self._load_chat = load_chat
        self._chat_name = chat_name
        self._chat: ResidentModel | None = None
        self._changing = asyncio.Lock()
        self._leaving: asyncio.Task[None] | None = None

    async def answering(self, body: Body) -> ResidentModel:
        """The model that answers a request: the one it names, else the own one, except for chats
        that only the second one can have, which is then loaded. Until the caller awaits anything
        else, nothing takes its place: `active` keeps it. Raises RuntimeFailure.
        """
        own, wanted = (await self.own.engine()).info, body.model
        second = body.chat_model or self._chat_name
        if wanted is None:
            needs_chat_model = isinstance(body.request, ChatRequest) and not _chats(own)
            return await self._second(second) if needs_chat_model and second else self.own
        if wanted in (own.id, self.own.name):
            return self.own
        if second and wanted in _names(second):
            return await self._second(second)
        other = f" and {second}" if second else ""
        raise ModelNotFound(
            f"`model`: this daemon serves {own.id}{other}, not {wanted!r}.",
            "Leave `model` out, or see /v1/models.",
        )

    def described(self, describe: Callable[[ModelInfo], wire.Json]) -> wire.Json | None:
        """The second model for /v1/status; None where none is configured."""
        if not self._chat_name:
            return None
        chat = self._chat
        engine = chat.ready_engine() if chat else None
        failure = chat.failure if chat else None
        return {
            "name": self._chat_name,
            "state": chat.state if chat else "unloaded",
            "progress": wire.progress_to_json(chat.progress) if chat else None,
            "error": wire.failure_to_json(failure) if failure else None,
            "model": describe(engine.info) if engine else None,
            "engine": chat.engine_stats() if chat else None,
        }

    def loaded(self) -> list[ModelInfo]:
        """The models that are there now, the own one first."""
        engines = [model.ready_engine() for model in (self.own, self._chat) if model]
        return [engine.info for engine in engines if engine]

    def stop(self) -> None:
        """Abort what runs and refuse what comes."""
        for model in filter(None, (self._chat, self.own)):
            model.stop()

    def close(self) -> None:
        """End the engines' threads."""
        for model in filter(None, (self._chat, self.own)):
            model.close()

    async def _second(self, name: str) -> ResidentModel:
        """The second model, loaded or loading. One that could not be loaded is tried again: the
        user may have mended what was wrong.
        """
        async with self._changing:
            if name != self._chat_name:
                self._make_way(name)
            if self._leaving is not None:  # whoever asked for that may have gone
                await asyncio.shield(self._leaving)
                self._leaving = None
            if self._chat is None or self._chat.failure:
                self._chat = ResidentModel(self._load_chat(name), name, on_lost=self.own.lose)
                self._chat.start()
            return self._chat

    def _make_way(self, name: str) -> None:
        """Let go of the second model for another one: the settings have changed."""
        old = self._chat
        if old is not None and old.busy:
            raise RuntimeFailure(
                f"The model daemon cannot change to {name}: {self._chat_name} is answering a chat.",
                "Ask again when that has ended.",
            )
        self._chat, self._chat_name = None, name
        if old is not None:
            old.stop()
            self._leaving = asyncio.create_task(_let_go(old))


async def _let_go(model: ResidentModel) -> None:
    await asyncio.to_thread(model.close)
    del model
    await asyncio.to_thread(give_memory_back)


def _chats(info: ModelInfo) -> bool:
    return Capability.CHAT in info.capabilities


def _names(model: str) -> set[str]:
    """What a model may be called: as in the settings, and as its folder or the hub calls it."""
    with contextlib.suppress(RuntimeFailure):
        return {model, model_name(resolve_model(model))}
    return {model}
