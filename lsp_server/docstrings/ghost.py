"""The docstring that is offered while somebody types its opening quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.docstrings.answers import Refusal, Write
from lsp_server.docstrings.detecting import convention_of
from lsp_server.docstrings.python_document import document_found, readable_piece
from lsp_server.docstrings.python_place import place_of
from lsp_server.docstrings.python_source import Unreadable, enclosing
from lsp_server.docstrings.styles import Style

if TYPE_CHECKING:
    from lsp_server.context.windows import CursorContext

QUOTES = '"""'


async def docstring_behind(context: CursorContext, style: Style | None, write: Write) -> str | None:
    """What comes behind opening quotes at the cursor, closing ones included; None where no
    docstring of a function or class opens there.

    The context must have nothing but the quotes on its line before the cursor, and nothing or the
    closing quotes, which editors add, behind it.
    """
    at = len(context.prefix) - len(QUOTES)
    after = context.suffix.removeprefix(QUOTES)
    text = f"{context.prefix}{QUOTES}{after}"
    try:
        source = readable_piece(text, at)
    except (Unreadable, RecursionError):
        return None
    found = enclosing(source, at - source.start)
    if found is None or place_of(source, found.node).start + source.start != at:
        return None
    convention = convention_of(source.tree, style)
    change = await document_found(text, source, found, convention, write)
    if isinstance(change, Refusal) or change.start != at:
        return None
    return change.text.removeprefix(QUOTES)
