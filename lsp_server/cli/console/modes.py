"""What each capability asks of the user and of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_runtime.api import Capability, MissingCapability, ModelInfo, RuntimeFailure
from model_runtime.capabilities import (
    chat_models,
    infilling_models,
    missing_chat,
    missing_infilling,
    official_capabilities,
)
from model_runtime.families import CODE_LLAMA, FAMILIES, OTHER, Family
from model_runtime.hub_cache import cached_models
from model_runtime.models import resolve_model

if TYPE_CHECKING:
    from model_runtime.prompts import PromptRenderer

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


def check_model(
    mode: Mode, info: ModelInfo, model: str = "", *, has_chat_model: bool = False
) -> None:
    """Raise MissingCapability, which names a model that can, where this one cannot. model: its name
    or folder; the files there may tell how it could.
    """
    if mode.capability in info.capabilities or (mode.chats and has_chat_model):
        return
    raise _missing(mode, _family(info.family), info.id, _opened(model) if model else None)


def check_name(mode: Mode, model: str) -> None:
    """The same for official checkpoints, by their name alone: before anything is downloaded."""
    known = official_capabilities(model)
    if known is not None and mode.capability not in known:
        raise _missing(mode, CODE_LLAMA, model, None)


def _opened(model: str) -> PromptRenderer | None:
    from model_runtime.config import read_config
    from model_runtime.prompt_opening import open_renderer

    try:
        folder = resolve_model(model)
        return open_renderer(folder, read_config(folder))
    except RuntimeFailure:
        return None


def _downloaded_chat_model() -> str:
    """The name of a model in the cache that chats, the largest; empty without one."""
    chatting = [
        (one.num_bytes, one.name)
        for one in cached_models()
        if one.missing is None
        and (renderer := _opened(one.name)) is not None
        and Capability.CHAT in renderer.capabilities
    ]
    return max(chatting, default=(0, ""))[1]


def _chat_advice(family: Family) -> str:
    here = _downloaded_chat_model()
    if here:
        return (
            f"{here} is here and chats: --model {here}; the setting chat_model names it for good."
        )
    return (
        f"Download {chat_models(family)} (fimbria models pull NAME), then name it with --model, or "
        "for good as chat_model in the settings."
    )


def _family(name: str) -> Family:
    return next((family for family in FAMILIES if family.name == name), OTHER)


def _missing(
    mode: Mode, family: Family, model: str, files: PromptRenderer | None
) -> MissingCapability:
    if mode.infills:
        advice = f"Use --model with {infilling_models(family)}, or --capability completion."
        alike = "" if files is None else files.alike
        return missing_infilling(family, model, alike, advice=advice)
    if mode.chats:
        has_template = files is not None and files.chat is not None
        advice = _chat_advice(family)
        return missing_chat(family, model, has_template=has_template, advice=advice)
    if mode.capability is Capability.PYTHON:
        return MissingCapability(
            f"{model} is no Python specialist.",
            f"Use --model with {_PYTHON_MODELS}, or --capability completion.",
        )
    return MissingCapability(f"{model} does not complete.", "Use another model.")
