"""The files that were visited in this session, and what of them goes with a document's requests.

The choice is made when a document is entered and stays the same until it is entered again: with
other snippets the prompt would be another one, and nothing of it computed yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from model_runtime.api import Snippet

MAX_FILES = 24
PAUSE_S = 300.0
"""Who comes back after a longer pause enters anew."""
NEAR_LINES = 40
"""A jump that leads further than this from where one has been in a document enters it anew."""
_VERDICT_S = 30.0
# More text than this is not cut up for one choice; the rest is for the next one.
_MAX_NEW_CHARS = 100_000
_NOTHING = SourceText.of("")


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
class _Content:
    """One state of a file's text, which is cut up when its chunks are needed first."""

    text: SourceText
    cut: tuple[Chunk, ...] | None = None

    def chunks(self) -> tuple[Chunk, ...]:
        if self.cut is None:
            self.cut = chunks_of(self.text)
        return self.cut


@dataclass(slots=True)
class _File:
    """A file as it was last seen.

    content: of a file that is too large to be shown, nothing. verdict: whether it may be shown by
    which rules, and when that was found out.
    """

    at: Location
    content: _Content
    num_changes: int = 1
    edited_line: int | None = None
    verdict: tuple[bool, Rules, float] | None = None

    def saw(self, at: Location, text: SourceText) -> None:
        if at != self.at:
            self.at, self.verdict = at, None
        self.content = _Content(text)
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
        text = document.text if len(document.text) <= MAX_FILE_CHARS else _NOTHING
        file = self._files.pop(document.uri, None)
        if file is None:
            file = _File(at, _Content(text))
        else:
            file.saw(at, text)
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

    async def surroundings(
        self,
        uri: str,
        at: Location,
        context: CursorContext,
        excluded: tuple[str, ...] = (),
        *,
        is_idle: bool = False,
    ) -> Surroundings:
        """What goes with requests for a document now; the same until it is entered anew.

        Entering is the first request after one for another document, if something has changed
        meanwhile, or after a long pause or a long jump. is_idle: nobody has asked, so that nobody
        needs to be there: a log that grows in another window must not end a visit.
        """
        rules = Rules(at.root, excluded)
        line = context.prefix.count("\n")
        visit = self._going_on(uri, rules, line)
        if visit is None:
            elsewhere = self._changes_elsewhere(uri)
            found = await self._chosen(uri, at, context, rules)
            # Who has entered meanwhile has made the choice.
            visit = self._going_on(uri, rules, line)
            visit = visit or _Visit(found, rules, elsewhere, line, line, self._clock())
        self._visits[uri] = visit.at(line, self._clock())
        self._here = self._here if is_idle else uri
        if uri in self._files:
            self._files[uri] = self._files.pop(uri)
        return visit.surroundings

    def _going_on(self, uri: str, rules: Rules, line: int) -> _Visit | None:
        visit = self._visits.get(uri)
        if visit is None or visit.rules != rules or not visit.reaches(line, self._clock()):
            return None
        is_same = uri == self._here or visit.elsewhere == self._changes_elsewhere(uri)
        return visit if is_same else None

    def _changes_elsewhere(self, uri: str) -> int:
        file = self._files.get(uri)
        return self._num_changes - (file.num_changes if file is not None else 0)

    async def _chosen(
        self, uri: str, at: Location, context: CursorContext, rules: Rules
    ) -> Surroundings:
        """In a thread, since it reads `.gitignore` files."""
        others = self._others(uri, at)
        if not others:
            return Surroundings((), at.name, at.repository)
        snippets = await asyncio.to_thread(_choose, context, others, rules, self._clock())
        return Surroundings(snippets, at.name, at.repository)

    def _others(self, uri: str, at: Location) -> dict[str, _File]:
        """Files that belong to the same root, by name; the one that was visited last first."""
        found: dict[str, _File] = {}
        for other, file in reversed(self._files.items()):
            if other != uri and file.at.path != at.path and file.at.root == at.root:
                found.setdefault(file.at.name, file)
        return found


def _choose(
    context: CursorContext, files: dict[str, _File], rules: Rules, now: float
) -> tuple[Snippet, ...]:
    cut = [
        OtherFile(name, chunks, file.edited_line)
        for (name, file), chunks in zip(files.items(), _cut_up(files.values()), strict=True)
    ]
    return choose(context, cut, lambda name: files[name].may_be_shown(rules, now))


def _cut_up(files: Iterable[_File]) -> Iterator[Sequence[Chunk]]:
    new_chars = 0
    for content in [file.content for file in files]:
        if content.cut is None and new_chars >= _MAX_NEW_CHARS:
            yield ()
            continue
        new_chars += 0 if content.cut is not None else len(content.text)
        yield content.chunks()
