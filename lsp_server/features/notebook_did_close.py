"""`notebookDocument/didClose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.features import did_close
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.NOTEBOOK_DOCUMENT_DID_CLOSE


def handle(ls: FimbriaServer, params: types.DidCloseNotebookDocumentParams) -> None:
    """Forget the notebook and its cells."""
    ls.notebooks.close(params.notebook_document.uri)
    for cell in params.cell_text_documents:
        did_close.handle(ls, types.DidCloseTextDocumentParams(cell))
