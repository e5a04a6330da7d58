"""What counts as the text around a place of a document in a session: in a notebook, also the cells
above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.context.windows import CursorContext, cursor_context, with_text_above

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer
    from lsp_server.source_text import SourceText

_BETWEEN_CELLS = "\n\n"


def context_at(ls: FimbriaServer, uri: str, text: SourceText, offset: int) -> CursorContext:
    """The context of a place in a document whose text is, or will be, `text`."""
    context = cursor_context(text, offset)
    cells = [ls.documents.snapshot(cell) for cell in ls.notebooks.code_before(uri)]
    language = document.language_id if (document := ls.documents.snapshot(uri)) else ""
    above = [str(cell.text) for cell in cells if cell and cell.language_id == language]
    if not above:
        return context
    return with_text_above(context, _BETWEEN_CELLS.join([*above, ""]))
