"""Doc comments as the file spells them: where one is or belongs, its lines, and new ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.docstrings.blocks import Line

_STAR = re.compile(r"[ \t]*\*(?!/)[ ]?|[ \t]*(?=[^ \t*])|[ \t]+$")


@dataclass(frozen=True, slots=True)
class Comment:
    """A doc comment, or the place for one.

    start, end: what it takes the place of: whole lines, line break included. opening: its first
    line; empty for comments of single lines. mark: what its other lines begin with.
    """

    start: int
    end: int
    indent: str
    opening: str
    mark: str
    lines: tuple[Line, ...] = ()

    @property
    def margin(self) -> str:
        return self.indent + self.mark

    @property
    def head(self) -> str:
        """What stands before the first of the lines."""
        return f"{self.indent}{self.opening}\n" if self.opening else ""

    @property
    def tail(self) -> str:
        """What stands behind the last of the lines."""
        return f"{self.indent} */\n" if self.opening else ""

    def new_line(self, text: str) -> Line:
        """Spell a line that is not there yet."""
        return Line(text, (self.margin + _harmless(text)).rstrip())

    def up_to(self, done: Sequence[Line], text: str) -> str:
        """Spell these lines, and the next one as far as it is known."""
        return "".join(f"{line.source}\n" for line in done) + self.margin + _harmless(text)

    def spelled(self, lines: Sequence[Line]) -> str:
        """The whole comment with these lines."""
        return self.head + "".join(f"{line.source}\n" for line in lines) + self.tail


def _harmless(text: str) -> str:
    return text.replace("*/", "* /")


def comment_of(text: str, start: int, marks: Sequence[str]) -> Comment:
    """Find the doc comment directly above the line that a definition starts on, or its place.

    marks: how doc comments begin, the usual one first: `/**`, or what each line of one has.
    """
    line_start = text.rfind("\n", 0, start) + 1
    line_start = _above_attributes(text, line_start)
    line = text[line_start : _line_end(text, line_start)]
    indent = line[: len(line) - len(line.lstrip())]
    found = None
    if any(mark.startswith("/*") for mark in marks):
        found = _block_above(text, line_start, indent)
    of_lines = [mark for mark in marks if mark.startswith("//")]
    found = found or _lines_above(text, line_start, indent, of_lines)
    if found is not None:
        return found
    if marks[0].startswith("/*"):
        return Comment(line_start, line_start, indent, marks[0], " * ")
    return Comment(line_start, line_start, indent, "", marks[0] + " ")


def _above_attributes(text: str, line_start: int) -> int:
    """Rust's attributes stand between a comment and its function."""
    while line_start:
        above = text.rfind("\n", 0, line_start - 1) + 1
        if not text[above:line_start].lstrip().startswith("#["):
            break
        line_start = above
    return line_start


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


def _block_above(text: str, line_start: int, indent: str) -> Comment | None:
    above = text[:line_start].rstrip(" \t\n")
    if not above.endswith("*/") or "\n\n" in text[len(above) : line_start].replace(" ", ""):
        return None
    start = above.rfind("/*")
    opening = re.match(r"/\*[*!](?!\*)", above[start:])
    first = above.rfind("\n", 0, start) + 1
    if opening is None or above[first:start].strip() or len(above) - start < len("/***/"):
        return None
    comment = Comment(first, line_start, indent, opening[0], " * ")
    return _with_lines(comment, above[start + len(opening[0]) : -len("*/")])


def _with_lines(comment: Comment, inner: str) -> Comment:
    raw = inner.split("\n")
    texts = [raw[0].strip(), *(_STAR.sub("", line, count=1).rstrip() for line in raw[1:])]
    lines = [
        Line(text, source) if 0 < at < len(raw) - 1 else comment.new_line(text)
        for at, (text, source) in enumerate(zip(texts, raw, strict=True))
    ]
    while lines and lines[-1].is_blank:
        lines.pop()
    if lines and lines[0].is_blank:
        lines.pop(0)
    return Comment(
        comment.start, comment.end, comment.indent, comment.opening, comment.mark, tuple(lines)
    )


def _lines_above(text: str, line_start: int, indent: str, marks: Sequence[str]) -> Comment | None:
    found: list[tuple[int, str, str]] = []
    at = line_start
    while at:
        above = text.rfind("\n", 0, at - 1) + 1
        line = text[above : at - 1].strip()
        mark = next((mark for mark in marks if line.startswith(mark)), None)
        if mark is None or line.startswith(mark + "/"):
            break
        found.insert(0, (above, text[above : at - 1], mark))
        at = above
    if not found:
        return None
    lines = tuple(Line(_content(source, mark), source) for _, source, mark in found)
    return Comment(found[0][0], line_start, indent, "", found[0][2] + " ", lines)


def _content(source: str, mark: str) -> str:
    return source.strip().removeprefix(mark).removeprefix(" ").rstrip()
