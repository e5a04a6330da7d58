"""Conversations to render, and what was rendered in readable form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model_runtime.api import ChatMessage, ChatRequest, Role
from model_runtime.config import read_config
from model_runtime.prompt_opening import open_renderer
from model_runtime.prompts import PromptRenderer
from tests.runtime.family_checkpoints import CHECKPOINTS

SYSTEM = "Answer in code."
TALK = ((SYSTEM, "system"), ("What is  area?\n", "user"), (" width * height", "assistant"))
CHATTING = [
    checkpoint.name
    for checkpoint in CHECKPOINTS
    if checkpoint.template is not None or "Instruct" in checkpoint.name
]


def talk(*texts: tuple[str, str]) -> tuple[ChatMessage, ...]:
    return tuple(ChatMessage(Role(role), text) for text, role in texts)


def opened(folder: Path) -> PromptRenderer:
    return open_renderer(folder, read_config(folder))


def render(renderer: PromptRenderer, *texts: tuple[str, str], **options: Any) -> list[int]:
    request = ChatRequest(messages=talk(*texts), **options)
    renderer.check(request)
    return renderer.render(request).ids


def shown(renderer: PromptRenderer, ids: list[int]) -> str:
    """Text with the names of the control tokens."""
    names = {i: piece for piece, i in renderer.tokenizer.control_pieces.items()}
    runs: list[str] = []
    plain: list[int] = []
    for i in [*ids, -1]:
        if i in names or i < 0:
            runs += [renderer.tokenizer.decode(plain), names.get(i, "")]
            plain = []
        else:
            plain.append(i)
    return "".join(runs)
