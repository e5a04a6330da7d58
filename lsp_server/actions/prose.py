"""Writes the prose of docstrings: by infilling where the model can, else by asking one that
chats.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from lsp_server.actions.asking import ask, tail
from lsp_server.actions.prompting import Prompt, normalized
from lsp_server.actions.templates import load_template
from lsp_server.context.windows import cursor_context
from lsp_server.source_text import SourceText
from lsp_server.user_config import config_file
from model_runtime.api import (
    Capability,
    Chunk,
    CompletionRequest,
    Layout,
    Priority,
    RuntimeFailure,
)

if TYPE_CHECKING:
    from lsp_server.actions.asking import Report
    from lsp_server.language_server import FimbriaServer

_MAX_TOKENS = 48
_CHAT_BEFORE, _CHAT_AFTER = 4000, 1500


def can_infill(ls: FimbriaServer) -> bool:
    """Whether the loaded model fills in, as far as it is known without asking it."""
    model = ls.runtime.known
    return model is not None and Capability.INFILLING in model.capabilities


def writer(
    ls: FimbriaServer, language_id: str, report: Report
) -> Callable[[str, str], Awaitable[str]]:
    """What writes the text between a prefix and a suffix; it raises RuntimeFailure."""

    async def infilled(prefix: str, suffix: str) -> str:
        context = cursor_context(SourceText.of(prefix + suffix), len(prefix))
        request = CompletionRequest(
            prompt=context.prefix,
            suffix=context.suffix,
            max_tokens=_MAX_TOKENS,
            stop=("\n",),
            layout=Layout.AUTO,
            priority=Priority.CHAT,
        )
        text = ""
        async with aclosing(ls.runtime.stream(request)) as events:
            async for event in events:
                text += event.text if isinstance(event, Chunk) and event.index == 0 else ""
                report(tail(text))
        return text

    async def asked(prefix: str, suffix: str) -> str:
        template, _ = load_template("docstring", config_file().parent / "prompts")
        before = normalized(prefix[-_CHAT_BEFORE:])
        values = {"before": before, "after": normalized(suffix[:_CHAT_AFTER])}
        messages = template.messages(values | {"language": language_id})
        (answer,) = await ask(ls, Prompt(messages, 2 * _MAX_TOKENS), report)
        return answer.text.strip().partition("\n")[0]

    async def written(prefix: str, suffix: str) -> str:
        if ls.runtime.known is None:  # or code would go elsewhere only because a model still loads
            with suppress(RuntimeFailure):
                await ls.runtime.describe()
        return await (infilled if can_infill(ls) else asked)(prefix, suffix)

    return written
