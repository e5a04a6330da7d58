"""Values of this server ↔ values of the Language Server Protocol, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from lsp_server.documents import Edit
from lsp_server.lean_types import types
from lsp_server.notebooks import Cell
from lsp_server.positions import Position


def position_from_lsp(position: types.Position) -> Position:
    """Take a protocol position over; its unit stays what was negotiated."""
    return Position(position.line, position.character)


def position_to_lsp(position: Position) -> types.Position:
    """Give a position to the protocol."""
    return types.Position(position.line, position.character)


def range_to_lsp(start: Position, end: Position) -> types.Range:
    """Give a range to the protocol."""
    return types.Range(position_to_lsp(start), position_to_lsp(end))


def cell_from_lsp(cell: types.NotebookCell) -> Cell:
    """Take a notebook's cell over."""
    return Cell(cell.document, cell.kind is types.NotebookCellKind.Code)


def edits_from_lsp(changes: Sequence[types.TextDocumentContentChangeEvent]) -> list[Edit]:
    """Take the content changes of one notification over, in their order."""
    return [_edit_from_lsp(change) for change in changes]


def _edit_from_lsp(change: types.TextDocumentContentChangeEvent) -> Edit:
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return Edit(change.text)
    span = change.range
    return Edit(change.text, position_from_lsp(span.start), position_from_lsp(span.end))
