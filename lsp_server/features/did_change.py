"""`textDocument/didChange`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.context import beside
from lsp_server.convert import edits_from_lsp
from lsp_server.documents import last_change
from lsp_server.ghost_text import text_changed
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.TEXT_DOCUMENT_DID_CHANGE


def handle(ls: FimbriaServer, params: types.DidChangeTextDocumentParams) -> None:
    """Follow the editor; what it waits for in the text before is worthless now."""
    changed = params.text_document
    ls.requests.supersede(changed.uri)
    before = ls.documents.snapshot(changed.uri)
    edits = edits_from_lsp(params.content_changes)
    document = ls.documents.change(changed.uri, changed.version, edits, ls.encoding)
    if before is not None and document is not None:
        change = last_change(before, document, edits, ls.encoding)
        beside.note(ls, document, None if change is None else change.end)
        text_changed(ls, document, change)
