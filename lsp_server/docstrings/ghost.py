"""The docstring that is offered while somebody types its opening quotes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsp_server.docstrings.answers import Refusal, Write
from lsp_server.docstrings.python_document import document_found, site_at
from lsp_server.docstrings.python_place import place_of
from lsp_server.docstrings.styles import Style

if TYPE_CHECKING:
    from lsp_server.context.windows import CursorContext


async def docstring_behind(context: CursorContext, style: Style | None, write: Write) -> str | None:
    """What comes behind opening quotes at the cursor, closing ones included; None where no
    docstring of a function or class opens there.

    The context must have nothing but the quotes, three of either kind, on its line before the
    cursor, and nothing or the closing quotes, which editors add, behind it.
    """
    quotes = context.prefix[-3:]
    at = len(context.prefix) - len(quotes)
    after = context.suffix.removeprefix(quotes)
    text = f"{context.prefix}{quotes}{after}"
    try:
        site = await asyncio.to_thread(site_at, text, at, style)
    except RecursionError:
        return None
    if isinstance(site, Refusal):
        return None
    source, found = site.source, site.found
    if place_of(source, found.node).start + source.start != at:
        return None
    change = await document_found(text, source, found, site.convention, write)
    if isinstance(change, Refusal) or change.start != at:
        return None
    return change.text.removeprefix(quotes)
