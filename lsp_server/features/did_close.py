"""`textDocument/didClose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.TEXT_DOCUMENT_DID_CLOSE


def handle(ls: FimbriaServer, params: types.DidCloseTextDocumentParams) -> None:
    """Forget the document and what was being computed for it."""
    ls.forget(params.text_document.uri)
    ls.documents.close(params.text_document.uri)
