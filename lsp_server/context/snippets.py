"""Which pieces of other files go with a request. Pure; visits.py keeps what was visited.

A file is cut into chunks of whole lines, and those are taken whose words are most like the words
around the cursor (Jaccard similarity, as llama.vim and Continue have it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lsp_server.context.windows import CursorContext, plain
from lsp_server.source_text import SourceText
from model_runtime.api import Snippet

CHUNK_LINES = 32
MAX_CHUNK_CHARS = 4_000
"""Lines so long hold data rather than code."""
MAX_FILE_CHARS = 200_000
MAX_CHARS = 8_000
"""Of all snippets of a request. What is too much for a model, the runtime leaves out."""
_CHARS_BEFORE, _CHARS_AFTER = 2_000, 500
_LEAST_SIMILARITY = 0.03
# How much less a chunk counts for each file that was visited since, and how much more where it is
# the one that was edited last.
_AGING = 0.97
_EDITED = 1.25
_WORD = re.compile(r"[^\W\d]\w{2,}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines of a file, and the words in them; line breaks as `\\n`."""

    first_line: int
    text: str
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file beside the one that is completed. path: within the workspace. edited_line: where it
    was changed last, if it was.
    """

    path: str
    chunks: Sequence[Chunk]
    edited_line: int | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a model may know of a document besides its text.

    path: within the workspace. repository: the workspace folder's name.
    """

    snippets: tuple[Snippet, ...] = ()
    path: str = ""
    repository: str = ""


def chunks_of(text: SourceText) -> tuple[Chunk, ...]:
    """Cut a file up; nothing is left of one that is too large."""
    if len(text) > MAX_FILE_CHARS:
        return ()
    return tuple(_cut(plain(str(text)).split("\n")))


def choose(
    context: CursorContext,
    files: Iterable[OtherFile],
    may_be_shown: Callable[[str], bool],
    max_chars: int = MAX_CHARS,
) -> tuple[Snippet, ...]:
    """The chunks most like what is around the cursor, the best one last.

    files: the one that was visited last comes first. may_be_shown: asked about the paths of those
    that would be taken.
    """
    kept: list[Snippet] = []
    room = max_chars
    for path, chunk in _best_first(context, files):
        if len(chunk.text) > room:
            break
        if not _is_seen(chunk, context) and may_be_shown(path):
            kept.append(Snippet(path, chunk.text))
            room -= len(chunk.text)
    return tuple(reversed(kept))


def _cut(lines: Sequence[str]) -> Iterator[Chunk]:
    for start in range(0, len(lines), CHUNK_LINES):
        text = "\n".join(lines[start : start + CHUNK_LINES]).strip("\n") + "\n"
        if text.strip() and len(text) <= MAX_CHUNK_CHARS:
            yield Chunk(start, text, _words(text))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def _best_first(context: CursorContext, files: Iterable[OtherFile]) -> Iterator[tuple[str, Chunk]]:
    around = _words(f"{context.prefix[-_CHARS_BEFORE:]}\n{context.suffix[:_CHARS_AFTER]}")
    found = [
        (score, file.path, chunk)
        for age, file in enumerate(files)
        for chunk in file.chunks
        if (score := _similarity(around, chunk.words)) >= _LEAST_SIMILARITY
        and (score := score * _AGING**age * (_EDITED if _is_edited(file, chunk) else 1.0))
    ]
    found.sort(key=lambda each: -each[0])  # stable: of equals, what was visited last
    return ((path, chunk) for _, path, chunk in found)


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def _is_edited(file: OtherFile, chunk: Chunk) -> bool:
    at = file.edited_line
    return at is not None and chunk.first_line <= at < chunk.first_line + CHUNK_LINES


def _is_seen(chunk: Chunk, context: CursorContext) -> bool:
    """Whether the model sees the same text anyway: a copy of the file, a link to it."""
    text = chunk.text.strip()
    return text in context.prefix or text in context.suffix
