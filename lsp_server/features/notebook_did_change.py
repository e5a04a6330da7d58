"""`notebookDocument/didChange`: cells come, go and move, and their texts change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.convert import cell_from_lsp
from lsp_server.features import did_change, did_close, did_open
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.NOTEBOOK_DOCUMENT_DID_CHANGE


def handle(ls: FimbriaServer, params: types.DidChangeNotebookDocumentParams) -> None:
    """Follow the editor."""
    cells = params.change.cells
    if cells is None:
        return
    if cells.structure is not None:
        _restructure(ls, params.notebook_document.uri, cells.structure)
    for content in cells.text_content or ():
        changed = types.DidChangeTextDocumentParams(content.document, content.changes)
        did_change.handle(ls, changed)


def _restructure(
    ls: FimbriaServer, uri: str, structure: types.NotebookDocumentCellChangeStructure
) -> None:
    array = structure.array
    new = map(cell_from_lsp, array.cells or ())
    ls.notebooks.splice(uri, array.start, array.delete_count, new)
    for closed in structure.did_close or ():
        did_close.handle(ls, types.DidCloseTextDocumentParams(closed))
    for opened in structure.did_open or ():
        did_open.handle(ls, types.DidOpenTextDocumentParams(opened))
