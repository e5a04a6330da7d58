"""`textDocument/didOpen`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.context import beside
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.TEXT_DOCUMENT_DID_OPEN


def handle(ls: FimbriaServer, params: types.DidOpenTextDocumentParams) -> None:
    """Take the document over from the editor."""
    opened = params.text_document
    ls.forget(opened.uri)
    language = str(opened.language_id)
    beside.note(ls, ls.documents.open(opened.uri, language, opened.version, opened.text))
