"""Whether there is a model that chats, for `fimbria doctor`."""

from __future__ import annotations

import asyncio
import os

from lsp_server.chat_link import REMEDY, UNUSABLE_ENDPOINT
from lsp_server.cli.check import Check, State
from lsp_server.endpoint import is_endpoint
from lsp_server.settings import Settings, from_environment
from lsp_server.user_config import user_settings
from model_runtime.api import Capability, ModelInfo, RuntimeFailure
from model_runtime.models import resolve_model

_NAME = "Chat"


def check_chat(settings: Settings, model: ModelInfo | None) -> Check:
    """Look for what answers chats and code actions.

    model: the completion model, None if it could not be loaded. An engine elsewhere is asked for
    its models; a second model's files are looked for, it is not loaded.
    """
    if not is_endpoint(settings.chat_endpoint):
        return Check(_NAME, State.BROKEN, UNUSABLE_ENDPOINT, "Correct it in the settings.")
    if settings.chat_endpoint:
        return asyncio.run(_check_endpoint(settings))
    if model is not None and Capability.CHAT in model.capabilities:
        unused = f"; {settings.chat_model} is not needed" if settings.chat_model else ""
        return Check(_NAME, State.OK, f"{model.id} chats itself{unused}")
    if settings.chat_model:
        return _check_second_model(settings.chat_model)
    if model is None:
        return Check(_NAME, State.NOTE, "unknown while the model does not answer")
    found = f"{model.id} does not chat; code actions that need one that does are not offered"
    return Check(_NAME, State.NOTE, found, f"For more, {REMEDY}")


def settings_of_user() -> Settings:
    """As an editor would start with; problems with them are reported elsewhere."""
    settings, _, _ = user_settings()
    settings, _ = from_environment(os.environ, settings)
    return settings


async def _check_endpoint(settings: Settings) -> Check:
    from model_runtime.openai_runtime import OpenAIRuntime

    runtime = OpenAIRuntime(settings.chat_endpoint, settings.chat_model, settings.chat_api_key)
    try:
        info = await runtime.info()
    except RuntimeFailure as failure:
        return Check(_NAME, State.BROKEN, failure.message, failure.hint)
    finally:
        await runtime.close()
    return Check(_NAME, State.OK, f"{settings.chat_endpoint} answers with {info.id}")


def _check_second_model(name: str) -> Check:
    try:
        folder = resolve_model(name)
    except RuntimeFailure as failure:
        return Check(_NAME, State.BROKEN, failure.message, failure.hint)
    return Check(_NAME, State.OK, f"{name} ({folder}), loaded when it is first needed")
