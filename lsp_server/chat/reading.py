"""Where the text of a reference comes from: what the editor has open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lsp_server.chat.references import Source, Unreadable, path_within

if TYPE_CHECKING:
    from lsp_server.documents import Document
    from lsp_server.language_server import FimbriaServer

Opened = Mapping[str, "Document | None"]
"""What the editor showed of each file when the question was asked."""


async def source_of(ls: FimbriaServer, uri: str, document: Document | None) -> Source | Unreadable:
    """The text of a file as the user sees it; `document` if it is open."""
    if document is None:
        return Unreadable("The file is not open.")
    return Source(path_within(uri, list(ls.workspace.folders)), document.language_id, document.text)
