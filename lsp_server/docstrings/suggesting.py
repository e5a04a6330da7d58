"""Ghost text that is a whole docstring: what is computed for it, and what is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.docstrings.ghost import docstring_behind
from lsp_server.docstrings.styles import chosen_style
from lsp_server.suggestions import Remembered, Written
from model_runtime.api import Capability, CompletionRequest

if TYPE_CHECKING:
    from lsp_server.context.windows import CursorContext
    from lsp_server.language_server import FimbriaServer
    from model_runtime.api import ModelInfo

_MAX_TOKENS = 48


class _NoAnswer(Exception):
    """The model cannot answer now; the user has been told why."""


async def docstring_at(
    ls: FimbriaServer, uri: str, context: CursorContext, model: ModelInfo
) -> Remembered | None:
    """Write a docstring behind its opening quotes; None where none belongs there, or the model
    cannot answer now.
    """
    infills = Capability.INFILLING in model.capabilities

    async def write(prefix: str, suffix: str) -> str:
        request = CompletionRequest(
            prompt=prefix,
            suffix=suffix if infills else None,
            max_tokens=_MAX_TOKENS,
            stop=("\n",),
            document=ls.document_key(uri),
        )
        answer = await ls.runtime.answer(request, lambda _: False)
        if answer is None:
            raise _NoAnswer
        return answer.text

    style = chosen_style(ls.settings.docstring_style)
    try:
        text = await docstring_behind(context, style, write)
    except _NoAnswer:
        return None
    return Remembered(Written(context, text), text) if text is not None else None
