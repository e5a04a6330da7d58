"""Texts that break careless servers, and the slow but obvious way to count in them."""

from __future__ import annotations

from hypothesis import strategies as st

from lsp_server.positions import Position, PositionEncoding

NOT_LINE_BREAKS = ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
PIECES = [
    *["a", "b", " ", "\t", "é", "e\u0301", "中", "😋", "👩‍💻", "\ud83d", "\ude0b"],
    *["\n", "\r\n", "\r", "\n\r", "\r\r\n"],
    *NOT_LINE_BREAKS,
]

texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
encodings = st.sampled_from(PositionEncoding)
positions = st.builds(Position, st.integers(-1, 12), st.integers(-1, 24))


def naive_lines(text: str) -> list[str]:
    """Split into lines that keep their line break, one character at a time."""
    lines, line = [], ""
    for index, char in enumerate(text):
        line += char
        if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n"):
            lines.append(line)
            line = ""
    return [*lines, line]


def naive_units(char: str, encoding: PositionEncoding) -> int:
    if encoding is PositionEncoding.UTF32:
        return 1
    if encoding is PositionEncoding.UTF16:
        return 2 if ord(char) > 0xFFFF else 1
    return 1 + (ord(char) > 0x7F) + (ord(char) > 0x7FF) + (ord(char) > 0xFFFF)


def naive_offset(text: str, position: Position, encoding: PositionEncoding) -> int:
    if position.line < 0:
        return 0
    lines = naive_lines(text)
    if position.line >= len(lines):
        return len(text)
    offset = sum(map(len, lines[: position.line]))
    left = position.character
    for char in lines[position.line].rstrip("\r\n"):
        left -= naive_units(char, encoding)
        if left < 0:
            break
        offset += 1
    return offset
