"""A docstring in parts: lines that are kept as they are, and sections whose entries can be told
apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lsp_server.docstrings.facts import Kind
from lsp_server.docstrings.styles import CommentStyle, Style


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is there already.

    text: what it says, without the docstring's margin. source: how the file spells it, margin
    included.
    """

    text: str
    source: str

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip())

    @property
    def is_blank(self) -> bool:
        return not self.text.strip()


@dataclass(frozen=True, slots=True)
class Fixed:
    """A new line that needs no model; without the margin."""

    text: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A new line with prose between `before` and `after`; without the margin.

    subject: the name that the prose is about. fallback: what it says if the model has no better
    idea. is_clause: the prose goes on with a sentence that `before` begins. lead: a word that the
    prose may begin with, for a model that says nothing of its own accord. topics: words of a
    signature that its summary has to do with; None for prose of other kinds. opens_with_type: what
    stands before a colon in the prose would be read as a type.
    """

    before: str
    subject: str
    fallback: str
    after: str = ""
    is_clause: bool = False
    lead: str = ""
    topics: frozenset[str] | None = None
    opens_with_type: bool = False


Written = Line | Fixed | Hole


@dataclass(frozen=True, slots=True)
class Entry:
    """Some lines about one thing. names: without stars; empty where it has none."""

    kind: Kind
    names: tuple[str, ...]
    lines: tuple[Written, ...]
    type: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Lines that are not looked into."""

    lines: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Entries of one kind under a heading; in Sphinx's style a list of fields of all kinds.

    kind: OTHER for one that is not looked into. head: heading, and prose before the first entry.
    """

    style: Style | CommentStyle
    kind: Kind
    head: tuple[Written, ...]
    entries: tuple[Entry, ...]
    num_heading: int
    """How many lines of `head` are the heading itself."""


REMARKS = frozenset({"Note", "Notes", "Example", "Examples", "Warning", "Warnings", "See", "Usage"})
"""What looks like a parameter's entry in a section and opens a remark, unless there is such one."""

Block = Text | Section


def lines_of(blocks: Iterable[Block]) -> list[Written]:
    """All lines in their order."""
    lines: list[Written] = []
    for block in blocks:
        if isinstance(block, Text):
            lines += block.lines
        else:
            lines += block.head
            for entry in block.entries:
                lines += entry.lines
    return lines


def named(blocks: Iterable[Block], *kinds: Kind) -> list[str]:
    """The names that entries of these kinds are about, in their order."""
    return [
        name
        for block in blocks
        if isinstance(block, Section)
        for entry in block.entries
        if entry.kind in kinds
        for name in entry.names
    ]


def has_kind(blocks: Iterable[Block], *kinds: Kind) -> bool:
    """Whether there is a section or an entry of one of these kinds."""
    return any(
        block.kind in kinds or any(entry.kind in kinds for entry in block.entries)
        for block in blocks
        if isinstance(block, Section)
    )
