"""Where a completion is wanted: FILE:LINE:COLUMN, or a text with a mark in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lsp_server.cli.errors import CommandError, usage_error
from lsp_server.positions import line_span
from lsp_server.source_text import SourceText

STANDARD_INPUT = "-"
MARK = "<FILL>"
MAX_BYTES = 64 * 1024 * 1024

_TARGET = re.compile(r"(?P<path>.+):(?P<line>[0-9]{1,9}):(?P<column>[0-9]{1,9})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hole:
    """A text and the place in it where something is missing.

    path: the file's path; for standard input the name that the text would have.
    text: the text with its own line endings, without a byte order mark.
    offset: characters before the hole.
    """

    path: Path
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Target:
    """FILE:LINE:COLUMN taken apart; line and column count from 1."""

    path: Path
    line: int
    column: int


def parse_target(argument: str) -> Target:
    """Take FILE:LINE:COLUMN apart; everything before the last two numbers is the file's name."""
    match = _TARGET.fullmatch(argument)
    if match is None:
        raise usage_error(
            f"expected FILE:LINE:COLUMN, as in app.py:12:5, or - for standard input; "
            f"got {argument!r}."
        )
    target = Target(Path(match["path"]), int(match["line"]), int(match["column"]))
    if target.line < 1 or target.column < 1:
        raise usage_error("LINE and COLUMN count from 1, as editors show them.")
    return target


def file_hole(target: Target) -> Hole:
    """Read the target's file and find the target in it. Raises CommandError."""
    text = _decode(_read_file(target.path), str(target.path))
    return Hole(target.path, text, _offset(text, target))


def stream_hole(stream: BinaryIO, path: Path) -> Hole:
    """Read a text whose hole is marked by `<FILL>`. Raises CommandError."""
    marked = _decode(_limited(stream, "standard input"), "standard input")
    return marked_hole(marked, path)


def marked_hole(marked: str, path: Path) -> Hole:
    """Find the hole marked by `<FILL>`. Raises CommandError unless there is exactly one mark."""
    num_marks = marked.count(MARK)
    if num_marks != 1:
        found = "no mark" if num_marks == 0 else f"{num_marks} marks"
        raise usage_error(
            f"standard input must mark the hole with {MARK} exactly once; found {found}."
        )
    offset = marked.index(MARK)
    return Hole(path, marked[:offset] + marked[offset + len(MARK) :], offset)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _limited(file, str(path))
    except FileNotFoundError:
        raise usage_error(f"{path}: there is no such file.") from None
    except IsADirectoryError:
        raise usage_error(f"{path} is a folder, not a file.") from None
    except ValueError:  # a NUL in the name
        raise usage_error(f"{str(path)!r} is not a file name.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CommandError(f"{path}: cannot be read ({reason}).") from None


def _limited(stream: BinaryIO, name: str) -> bytes:
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise usage_error(f"{name} is larger than {MAX_BYTES // 1024**2} MiB.")
    return content


def _decode(content: bytes, name: str) -> str:
    if b"\0" in content:
        raise usage_error(f"{name} is not a text file (it contains NUL bytes).")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise usage_error(
            f"{name} is not UTF-8 text (byte {error.start + 1} cannot be decoded)."
        ) from None


def _offset(text: str, target: Target) -> int:
    start, end = _line_span(text, target)
    if target.column > end - start + 1:
        raise usage_error(
            f"{target.path}: line {target.line} has {_count(end - start, 'character')}, "
            f"so COLUMN is at most {end - start + 1}; got {target.column}."
        )
    return start + target.column - 1


def _line_span(text: str, target: Target) -> tuple[int, int]:
    """Return where the target's line starts and where its line break begins."""
    source = SourceText.of(text)
    if target.line > source.num_lines:
        raise usage_error(
            f"{target.path} has {_count(source.num_lines, 'line')}; there is no line {target.line}."
        )
    return line_span(source, target.line - 1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
