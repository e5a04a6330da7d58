"""The models of one daemon: its own from the start, and one for chats from the first that needs it.
All of it is for the event loop's thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from model_runtime import wire
from model_runtime.api import (
    Capability,
    ChatRequest,
    ModelInfo,
    ModelNotFound,
    Request,
    RuntimeFailure,
)
from model_runtime.models import model_name, resolve_model
from model_runtime.resident import LoadEngine, ResidentModel


class ResidentModels:
    """own: the daemon's first model. chat_name: what the second one is called in the settings;
    empty for none, and load_chat is never called then.
    """

    def __init__(
        self, own: ResidentModel, load_chat: LoadEngine | None = None, chat_name: str = ""
    ) -> None:
        self.own = own
        self._load_chat = load_chat
        self._chat_name = chat_name
        self._chat: ResidentModel | None = None

    async def answering(self, request: Request, wanted: str | None) -> ResidentModel:
        """The model that answers a request: the one it names, else the own one, except for chats
        that only the second one can have, which is then loaded. Raises RuntimeFailure.
        """
        own = (await self.own.engine()).info
        if wanted is None:
            needs_chat_model = isinstance(request, ChatRequest) and not _chats(own)
            return self._second() if needs_chat_model and self._chat_name else self.own
        if wanted in (own.id, self.own.name):
            return self.own
        if wanted in self._names_of_second():
            return self._second()
        other = f" and {self._chat_name}" if self._chat_name else ""
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

    def _second(self) -> ResidentModel:
        """The second model, loaded or loading. One that could not be loaded is tried again: the
        user may have mended what was wrong.
        """
        assert self._load_chat is not None, "a chat model has a name and a way to load it"
        if self._chat is None or self._chat.failure:
            self._chat = ResidentModel(self._load_chat, self._chat_name, on_lost=self.own.lose)
            self._chat.start()
        return self._chat

    def _names_of_second(self) -> set[str]:
        """As in the settings, and as its folder or the hub calls it."""
        if not self._chat_name:
            return set()
        names = {self._chat_name}
        with contextlib.suppress(RuntimeFailure):
            names.add(model_name(resolve_model(self._chat_name)))
        return names | {info.id for info in self.loaded()[1:]}


def _chats(info: ModelInfo) -> bool:
    return Capability.CHAT in info.capabilities
