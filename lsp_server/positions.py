"""Positions of the Language Server Protocol ↔ offsets of this server.

A protocol position counts code units (UTF-8 bytes, UTF-16 units or code points, as negotiated) from
the start of its line; everywhere else in the server an offset is an index into a Python string.
This module alone knows both. What lies past the end of a line or text is clamped to it, what lies
within a character goes to that character's start; nothing raises.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from lsp_server.source_text import SourceText

_STRIDE = 1024


class PositionEncoding(StrEnum):
    """What a position's `character` counts."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


class Position(NamedTuple):
    """A zero-based line and the number of code units before the position on it."""

    line: int
    character: int


def num_units(text: str, encoding: PositionEncoding) -> int:
    """Code units that `text` takes; a lone surrogate counts as what it would be encoded to."""
    if encoding is PositionEncoding.UTF32 or text.isascii():
        return len(text)
    if encoding is PositionEncoding.UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def num_chars(text: str, units: int, encoding: PositionEncoding) -> int:
    """Whole characters within the first `units` code units of `text`."""
    if encoding is PositionEncoding.UTF32 or text.isascii():
        return max(0, min(units, len(text)))
    chars = 0
    while chars < len(text):  # whole strides first: lines of a megabyte exist
        stride = num_units(text[chars : chars + _STRIDE], encoding)
        if stride > units:
            break
        units -= stride
        chars += _STRIDE
    return min(chars, len(text)) + _num_chars_one_by_one(
        text[chars : chars + _STRIDE], units, encoding
    )


def _num_chars_one_by_one(text: str, units: int, encoding: PositionEncoding) -> int:
    for index, char in enumerate(text):
        units -= num_units(char, encoding)
        if units < 0:
            return index
    return len(text)


def line_span(text: SourceText, line: int) -> tuple[int, int]:
    """Offsets of a line's start and end, without its line break."""
    start, end = text.line_start(line), text.line_end(line)
    if start == end:
        return start, end
    return start, end - _break_len(text.slice(max(start, end - 2), end))


def _break_len(line_end: str) -> int:
    if line_end == "\r\n":
        return 2
    return 1 if line_end.endswith(("\n", "\r")) else 0


def to_offset(text: SourceText, position: Position, encoding: PositionEncoding) -> int:
    """Return the offset of a protocol position."""
    if position.line < 0:
        return 0
    if position.line >= text.num_lines:
        return len(text)
    start, end = line_span(text, position.line)
    return start + num_chars(text.slice(start, end), position.character, encoding)


def to_position(text: SourceText, offset: int, encoding: PositionEncoding) -> Position:
    """Return the protocol position of an offset; within a line break that is the line's end."""
    offset = max(0, min(offset, len(text)))
    line = text.line_at(offset)
    start, end = line_span(text, line)
    return Position(line, num_units(text.slice(start, min(offset, end)), encoding))
