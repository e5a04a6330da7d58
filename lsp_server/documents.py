"""The editor's open files: immutable values and the store that replaces them.

pygls' own store is not used: it takes `\\x0c` and U+2028 for line breaks, clamps wrongly, and
changes documents under a running handler.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pygls.uris import to_fs_path

from lsp_server.edits import WatchedSpan
from lsp_server.positions import Position, PositionEncoding, to_offset, to_position
from lsp_server.source_text import SourceText, num_common

_PAIRS = frozenset(("()", "[]", "{}", '""', "''", "``"))

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Edit:
    """One content change: `text` takes the place of what lies between two positions, or of
    everything.
    """

    text: str
    start: Position | None = None
    end: Position | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One state of an open file. It never changes, so a handler can keep it across an await; two
    states are the same only if they are the same object.

    edition: what the version is a version of: it is another one each time the file is opened, and
    where an editor does not count upwards.
    """

    uri: str
    language_id: str
    version: int
    text: SourceText
    edition: int = 0

    @classmethod
    def of(cls, uri: str, language_id: str, version: int, text: str) -> Document:
        return cls(uri, language_id, version, SourceText.of(text))

    def offset_at(self, position: Position, encoding: PositionEncoding) -> int:
        return to_offset(self.text, position, encoding)

    def offsets_at(
        self, one: Position, other: Position, encoding: PositionEncoding
    ) -> tuple[int, int]:
        """Both ends of a range in their order, whichever way round it is given."""
        start, end = sorted(self.offset_at(at, encoding) for at in (one, other))
        return start, end

    def position_at(self, offset: int, encoding: PositionEncoding) -> Position:
        return to_position(self.text, offset, encoding)

    def edited(self, edit: Edit, encoding: PositionEncoding) -> Document:
        """Apply one edit; a range whose ends are the wrong way round is turned."""
        if edit.start is None or edit.end is None:
            return replace(self, text=SourceText.of(edit.text))
        start, end = self.offsets_at(edit.start, edit.end, encoding)
        return replace(self, text=self.text.replaced(start, end, edit.text))


@dataclass(frozen=True, slots=True)
class Change:
    """The last thing that happened to a document.

    end: where the user probably is: behind the inserted text, or within a pair of brackets or
    quotes. inserted: what comes before that place. removed: empty also where it is not known.
    """

    end: int
    inserted: str
    removed: str


def last_change(
    before: Document, after: Document, edits: Sequence[Edit], encoding: PositionEncoding
) -> Change | None:
    """Describe the last of the edits that lead from one state to the other; None where the editor
    has sent the whole text.
    """
    last = edits[-1] if edits else Edit("")
    if last.start is None or last.end is None:
        return None
    start, end = sorted((last.start, last.end))
    if len(edits) > 1:  # the text between them is gone; what lies before an edit is the same after
        end_offset = after.offset_at(start, encoding) + len(last.text)
        return _within_pair(Change(min(end_offset, len(after.text)), last.text, removed=""))
    offset = before.offset_at(start, encoding)
    removed = before.text.slice(offset, before.offset_at(end, encoding))
    return _within_pair(_smallest(offset + len(last.text), last.text, removed))


def _smallest(end: int, inserted: str, removed: str) -> Change:
    """Leave out what both texts have in common: editors replace a whole line where one was opened
    below it.
    """
    num_after = num_common(inserted[::-1], removed[::-1])
    inserted = inserted[: len(inserted) - num_after]
    removed = removed[: len(removed) - num_after]
    num_before = num_common(inserted, removed)
    return Change(end - num_after, inserted[num_before:], removed[num_before:])


def _within_pair(change: Change) -> Change:
    """Editors close brackets and quotes in the same edit that opens them."""
    if change.inserted not in _PAIRS:
        return change
    return replace(change, end=change.end - 1, inserted=change.inserted[:1])


class DocumentStore:
    """What the editor has open, by URI."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}
        self._watched: dict[str, list[WatchedSpan]] = {}
        self._num_editions = 0

    def open(self, uri: str, language_id: str, version: int, text: str) -> Document:
        self._lose_watched(uri)
        text_of = SourceText.of(text)
        document = Document(uri, language_id, version, text_of, self._next_edition())
        self._documents[uri] = document
        return document

    def _next_edition(self) -> int:
        self._num_editions += 1
        return self._num_editions

    def change(
        self, uri: str, version: int, edits: Iterable[Edit], encoding: PositionEncoding
    ) -> Document | None:
        """Apply edits one after the other; each one's positions refer to the text that the ones
        before it left.

        Messages cannot overtake each other on their way, so edits always belong to the text held
        here, even when a client repeats or lowers
        its version number: leaving them out would let the two texts drift apart. Returns None if
        the file is not open.
        """
        document = self._documents.get(uri)
        if document is None:
            logger.warning("A change to a file that is not open was ignored")
            return None
        if version <= document.version:
            logger.warning("Document version went from %d to %d", document.version, version)
            document = replace(document, edition=self._next_edition())
        for edit in edits:
            self._tell_watched(document, edit, encoding)
            document = document.edited(edit, encoding)
        self._documents[uri] = replace(document, version=version)
        return self._documents[uri]

    def close(self, uri: str) -> None:
        self._lose_watched(uri)
        self._documents.pop(uri, None)

    @contextmanager
    def watching(self, document: Document, start: int, end: int) -> Iterator[WatchedSpan]:
        """Follow a part of a document, given in whole lines, through all edits until the block
        ends. It is lost already if the document is not the current one.
        """
        span = WatchedSpan.of(document.text, start, end)
        if not self.is_current(document):
            span.lost()
        spans = self._watched.setdefault(document.uri, [])
        spans.append(span)
        try:
            yield span
        finally:
            spans[:] = [other for other in spans if other is not span]
            if not spans:
                self._watched.pop(document.uri, None)

    def _tell_watched(self, document: Document, edit: Edit, encoding: PositionEncoding) -> None:
        spans = self._watched.get(document.uri)
        if not spans:
            return
        if edit.start is None or edit.end is None:
            self._lose_watched(document.uri)
            return
        start, end = sorted(document.offset_at(at, encoding) for at in (edit.start, edit.end))
        for span in spans:
            span.edited(start, end, edit.text)

    def _lose_watched(self, uri: str) -> None:
        for span in self._watched.get(uri, ()):
            span.lost()

    def snapshot(self, uri: str) -> Document | None:
        """Return the current state of an open file."""
        return self._documents.get(uri)

    def all_open(self) -> tuple[Document, ...]:
        """Return the current states of all open files, the one that was opened last comes last."""
        return tuple(self._documents.values())

    def opened(self, file: Path) -> Document | None:
        """Return the current state of an open file, however the editor spells its address."""
        found = (each for uri, each in self._documents.items() if _path_of(uri) == str(file))
        return next(found, None)

    def is_current(self, document: Document) -> bool:
        """Whether nothing happened to the file since this state was taken."""
        return self._documents.get(document.uri) is document


def _path_of(uri: str) -> str | None:
    return to_fs_path(uri) if uri.startswith("file:") else None
