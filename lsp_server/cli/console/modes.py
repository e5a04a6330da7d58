"""What each capability asks of the user and of the model."""

from __future__ import annotations

from dataclasses import dataclass

from model_runtime.api import Capability, MissingCapability, ModelInfo
from model_runtime.capabilities import (
    chat_models,
    infilling_models,
    missing_chat,
    missing_infilling,
    official_capabilities,
)
from model_runtime.families import CODE_LLAMA, FAMILIES, OTHER, Family

END = "!!"
"""Alone on a line it ends a text."""
MARKS = ("<FILL>", "<FILL_ME>")

_CODE_TOKENS = 256
_CHAT_TOKENS = 1024
_PYTHON_MODELS = "codellama/CodeLlama-7b-Python-hf or codellama/CodeLlama-13b-Python-hf"


@dataclass(frozen=True, slots=True)
class Mode:
    """How the console works with one capability.

    enter_sends: Enter sends the text; else it begins a new line, as code has many.
    max_tokens: of an answer, when nobody says. lesson: how to write and send.
    """

    capability: Capability
    enter_sends: bool
    max_tokens: int
    lesson: str

    @property
    def name(self) -> str:
        return self.capability.value

    @property
    def chats(self) -> bool:
        return self.capability is Capability.CHAT

    @property
    def infills(self) -> bool:
        return self.capability is Capability.INFILLING


_SENDING = f"{END} alone on a line sends"


def mode_of(capability: Capability) -> Mode:
    """The console's way of using a capability."""
    if capability is Capability.CHAT:
        lesson = "Enter sends, Alt-Enter breaks the line"
        return Mode(capability, enter_sends=True, max_tokens=_CHAT_TOKENS, lesson=lesson)
    lesson = f"{MARKS[0]} marks the hole, {_SENDING}" if capability is Capability.INFILLING else ""
    return Mode(capability, enter_sends=False, max_tokens=_CODE_TOKENS, lesson=lesson or _SENDING)


def check_model(mode: Mode, info: ModelInfo, *, has_chat_model: bool = False) -> None:
    """Raise MissingCapability, which names a model that can, where this one cannot."""
    if mode.capability in info.capabilities or (mode.chats and has_chat_model):
        return
    raise _missing(mode, _family(info.family), info.id)


def check_name(mode: Mode, model: str) -> None:
    """The same for official checkpoints, by their name alone: before anything is downloaded."""
    known = official_capabilities(model)
    if known is not None and mode.capability not in known:
        raise _missing(mode, CODE_LLAMA, model)


def _family(name: str) -> Family:
    return next((family for family in FAMILIES if family.name == name), OTHER)


def _missing(mode: Mode, family: Family, model: str) -> MissingCapability:
    if mode.infills:
        return MissingCapability(
            missing_infilling(family, model).message,
            f"Use --model with {infilling_models(family)}, or --capability completion.",
        )
    if mode.chats:
        return MissingCapability(
            missing_chat(family, model).message,
            f"Use --model with {chat_models(family)}; the setting chat_model names it for good.",
        )
    if mode.capability is Capability.PYTHON:
        return MissingCapability(
            f"{model} is no Python specialist.",
            f"Use --model with {_PYTHON_MODELS}, or --capability completion.",
        )
    return MissingCapability(f"{model} does not complete.", "Use another model.")
