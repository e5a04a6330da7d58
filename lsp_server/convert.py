"""Values of this server ↔ values of the Language Server Protocol, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lsp_server.documents import Document, Edit
from lsp_server.edits import Change
from lsp_server.lean_types import types
from lsp_server.notebooks import Cell
from lsp_server.positions import Position, PositionEncoding

_ANNOTATION = "fimbria"


def position_from_lsp(position: types.Position) -> Position:
    """Take a protocol position over; its unit stays what was negotiated."""
    return Position(position.line, position.character)


def position_to_lsp(position: Position) -> types.Position:
    """Give a position to the protocol."""
    return types.Position(position.line, position.character)


def range_from_lsp(span: types.Range) -> tuple[Position, Position]:
    """Take a protocol range over."""
    return position_from_lsp(span.start), position_from_lsp(span.end)


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
    return Edit(change.text, *range_from_lsp(change.range))


class FileState(Enum):
    """What there is of a document that is to be changed."""

    OPEN = "open"
    """The editor has it open, so that its version means something."""
    CLOSED = "closed"
    MISSING = "missing"
    """The file must be made first."""


@dataclass(frozen=True, slots=True)
class EditSupport:
    """What an editor understands of workspace edits.

    versions: edits that name the version they are for. new_files: files that are made on the way.
    labels: edits that say what they are; `confirm`: ask that the user agrees to them.
    """

    versions: bool = False
    new_files: bool = False
    labels: bool = False
    confirm: bool = False


def edit_support_from_lsp(
    capabilities: types.ClientCapabilities, *, confirm: bool = False
) -> EditSupport:
    """Read it from what the editor has announced."""
    workspace = capabilities.workspace
    edit = workspace.workspace_edit if workspace is not None else None
    if edit is None:
        return EditSupport()
    new_files = types.ResourceOperationKind.Create in (edit.resource_operations or ())
    if not edit.document_changes:  # Neovim announces only that it makes files
        return EditSupport(new_files=new_files)
    return EditSupport(True, new_files, edit.change_annotation_support is not None, confirm)


def workspace_edit_to_lsp(
    document: Document,
    changes: Sequence[Change],
    encoding: PositionEncoding,
    support: EditSupport,
    label: str,
    state: FileState = FileState.OPEN,
) -> types.WorkspaceEdit:
    """Changes of a document as an edit, as safe as the editor allows. FileState.MISSING only for
    editors with `new_files`.
    """
    if not support.versions and state is not FileState.MISSING:
        plain = [_text_edit(document, change, encoding) for change in changes]
        return types.WorkspaceEdit(changes={document.uri: plain})
    edit = _annotated_edit if support.labels else _text_edit
    edits = [edit(document, change, encoding) for change in changes]
    versioned = types.OptionalVersionedTextDocumentIdentifier(
        uri=document.uri, version=document.version if state is FileState.OPEN else None
    )
    created: list[types.CreateFile] = []
    if state is FileState.MISSING:
        annotation = _ANNOTATION if support.labels else None
        options = types.CreateFileOptions(overwrite=False, ignore_if_exists=False)
        created = [types.CreateFile(document.uri, options=options, annotation_id=annotation)]
    annotation_of = types.ChangeAnnotation(label=label, needs_confirmation=support.confirm)
    return types.WorkspaceEdit(
        document_changes=[*created, types.TextDocumentEdit(versioned, edits)],
        change_annotations={_ANNOTATION: annotation_of} if support.labels else None,
    )


def _text_edit(document: Document, change: Change, encoding: PositionEncoding) -> types.TextEdit:
    start = document.position_at(change.start, encoding)
    end = document.position_at(change.end, encoding)
    return types.TextEdit(range=range_to_lsp(start, end), new_text=change.text)


def _annotated_edit(
    document: Document, change: Change, encoding: PositionEncoding
) -> types.AnnotatedTextEdit:
    plain = _text_edit(document, change, encoding)
    return types.AnnotatedTextEdit(_ANNOTATION, range=plain.range, new_text=plain.new_text)
