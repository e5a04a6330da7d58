"""A daemon with a model for completions and another one for chats, both real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from model_runtime.api import CompletionRequest, ProgressCallback
from model_runtime.client import DaemonSpec
from model_runtime.daemon import chat_loader, loader
from model_runtime.device_turns import DeviceTurns
from model_runtime.engine import Engine
from model_runtime.resident import LoadEngine
from tests.daemon.chatting import BASE_MODEL
from tests.daemon.serving import Serving, with_daemon

CODE = CompletionRequest(prompt="def area(width, height):\n    return", suffix="\n", max_tokens=6)
Use = Callable[[Serving], Awaitable[None]]


def spec_of(folders: Path, chat_model: Path | str = "") -> DaemonSpec:
    model = str(folders / BASE_MODEL)
    return DaemonSpec(model=model, device="cpu", chat_model=str(chat_model))


def with_both(folders: Path, chat_model: Path, use: Use) -> list[Engine]:
    """Runs a test beside a daemon with the two; returns the engines it has loaded."""
    spec, turns = spec_of(folders, chat_model), DeviceTurns()
    engines: list[Engine] = []

    def noted(load: LoadEngine) -> LoadEngine:
        def load_and_note(progress: ProgressCallback) -> Engine:
            engine = load(progress)
            assert isinstance(engine, Engine)
            engines.append(engine)
            return engine

        return load_and_note

    load_chat = chat_loader(spec, turns)
    with_daemon(
        noted(loader(spec, turns)), use, spec=spec, load_chat=lambda name: noted(load_chat(name))
    )
    return engines


async def chat_status(daemon: Serving) -> dict[str, Any]:
    _, status = await daemon.get("/v1/status")
    chat: dict[str, Any] = status["chat"]
    return chat
