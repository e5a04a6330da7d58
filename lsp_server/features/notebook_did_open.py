"""`notebookDocument/didOpen`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.convert import cell_from_lsp
from lsp_server.features import did_open
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.NOTEBOOK_DOCUMENT_DID_OPEN


def handle(ls: FimbriaServer, params: types.DidOpenNotebookDocumentParams) -> None:
    """Take the order of the cells and their texts over from the editor."""
    opened = params.notebook_document
    ls.notebooks.open(opened.uri, map(cell_from_lsp, opened.cells))
    for document in params.cell_text_documents:
        did_open.handle(ls, types.DidOpenTextDocumentParams(document))
