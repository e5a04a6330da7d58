"""The files that were visited in this session, and what of them goes with a document's requests.

The choice is made when a document is entered and stays the same until it is entered again: with
other snippets the prompt would be another one, and nothing of it computed yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lsp_server.context.snippets import (
    MAX_FILE_CHARS,
    Chunk,
    OtherFile,
    Surroundings,
    choose,
    chunks_of,
)
from lsp_server.context.windows import CursorContext, plain
from lsp_server.documents import Document
from lsp_server.source_text import SourceText

MAX_FILES = 24
PAUSE_S = 300.0
"""Who comes back after a longer pause enters anew."""
NEAR_LINES = 40
"""A jump that leads further than this from where one has been in a document enters it anew."""
_VERDICT_S = 30.0
# More text than this is not cut up for one choice; the rest is for the next one.
_MAX_NEW_CHARS = 100_000


@dataclass(frozen=True, slots=True)
class Rules:
    """Which files may be shown beside one.

    root: the folder that they must belong to. excluded: the user's patterns, as in .gitignore.
    """

    root: Path
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Location:
    """Where a file lies. root: the innermost folder of the workspace around it; without one, the
    file's own folder, which is no repository then.
    """

    path: Path
    root: Path
    is_in_workspace: bool = True

    @property
    def name(self) -> str:
        """Within the root, with forward slashes."""
        return plain(self.path.relative_to(self.root).as_posix())

    @property
    def repository(self) -> str:
        return plain(self.root.name) if self.is_in_workspace else ""


@dataclass(slots=True)
class _File:
    """A file as it was last seen.

    text: nothing of one that is too large to be shown. chunks: None until they are needed.
    verdict: whether it may be shown by which rules, and when that was found out.
    """

    at: Location
    text: SourceText
    num_changes: int = 1
    edited_line: int | None = None
    chunks: tuple[Chunk, ...] | None = None
    verdict: tuple[bool, Rules, float] | None = None

    def saw(self, text: SourceText) -> None:
        self.text, self.chunks = text, None
        self.num_changes += 1

    def may_be_shown(self, rules: Rules, now: float) -> bool:
        """As the files on the disk have it; changes there are noticed soon enough."""
        from lsp_server.private_files import may_be_read  # not needed at the start

        if self.verdict is None or self.verdict[1] != rules or now - self.verdict[2] > _VERDICT_S:
            self.verdict = may_be_read(self.at.path, rules.root, rules.excluded), rules, now
        return self.verdict[0]


@dataclass(frozen=True, slots=True)
class _Visit:
    """What was chosen when a document was entered.

    elsewhere: the number of changes of all other files until then. first_line, last_line: of the
    lines where one has been since. asked: when it was last asked for.
    """

    surroundings: Surroundings
    rules: Rules
    elsewhere: int
    first_line: int
    last_line: int
    asked: float

    def reaches(self, line: int, now: float) -> bool:
        is_near = self.first_line - NEAR_LINES <= line <= self.last_line + NEAR_LINES
        return is_near and now - self.asked <= PAUSE_S

    def at(self, line: int, now: float) -> _Visit:
        first, last = min(self.first_line, line), max(self.last_line, line)
        return replace(self, first_line=first, last_line=last, asked=now)


class Visits:
    """Files by URI, open or left; those that were visited last are kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._files: dict[str, _File] = {}  # the one that was visited last comes last
        self._visits: dict[str, _Visit] = {}
        self._num_changes = 0
        self._here = ""

    def saw(self, at: Location, document: Document, edited_line: int | None = None) -> None:
        """Note a file's newest state, and where it has been edited."""
        text = document.text if len(document.text) <= MAX_FILE_CHARS else SourceText.of("")
        file = self._files.pop(document.uri, None)
        if file is None:  # cut up at once, while nobody waits for a key
            file = _File(at, text, chunks=chunks_of(text))
        else:
            file.saw(text)
        self._num_changes += 1
        file.edited_line = edited_line if edited_line is not None else file.edited_line
        self._files[document.uri] = file
        while len(self._files) > MAX_FILES:
            self.forget(next(iter(self._files)))

    def forget(self, uri: str) -> None:
        """Have nothing more to do with a file."""
        self._files.pop(uri, None)
        self._visits.pop(uri, None)

    def clear(self) -> None:
        """Forget everything."""
        self._files.clear()
        self._visits.clear()

    def surroundings(
        self, uri: str, at: Location, context: CursorContext, excluded: tuple[str, ...] = ()
    ) -> Surroundings:
        """What goes with requests for a document now; the same until it is entered anew.

        Entering is the first request after one for another document, if something has changed
        meanwhile, or after a long pause or a long jump.
        """
        rules = Rules(at.root, excluded)
        now, line = self._clock(), context.prefix.count("\n")
        visit = self._visits.get(uri)
        if visit is None or not self._goes_on(uri, visit, rules, line, now):
            found = self._chosen(uri, at, context, rules)
            elsewhere = self._changes_elsewhere(uri)
            visit = _Visit(found, rules, elsewhere, line, line, now)
        self._visits[uri] = visit.at(line, now)
        self._here = uri
        if uri in self._files:
            self._files[uri] = self._files.pop(uri)
        return visit.surroundings

    def _goes_on(self, uri: str, visit: _Visit, rules: Rules, line: int, now: float) -> bool:
        is_same = uri == self._here or visit.elsewhere == self._changes_elsewhere(uri)
        return is_same and visit.rules == rules and visit.reaches(line, now)

    def _changes_elsewhere(self, uri: str) -> int:
        file = self._files.get(uri)
        return self._num_changes - (file.num_changes if file is not None else 0)

    def _chosen(self, uri: str, at: Location, context: CursorContext, rules: Rules) -> Surroundings:
        now = self._clock()
        others = {file.at.name: file for file in self._others(uri, at)}
        files = [
            OtherFile(name, file.chunks or (), file.edited_line) for name, file in others.items()
        ]
        snippets = choose(context, files, lambda name: others[name].may_be_shown(rules, now))
        return Surroundings(snippets, at.name, at.repository)

    def _others(self, uri: str, at: Location) -> Iterator[_File]:
        """Files that belong to the same root, cut up; the one that was visited last first."""
        new_chars = 0
        for other, file in reversed(self._files.items()):
            if other == uri or file.at.path == at.path or file.at.root != at.root:
                continue
            if file.chunks is None and new_chars < _MAX_NEW_CHARS:
                new_chars += len(file.text)
                file.chunks = chunks_of(file.text)
            yield file
