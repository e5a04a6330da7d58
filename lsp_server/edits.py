"""Changes of a text: the smallest ones that lead from one to another, and a part of a document that
is watched while an answer is made, so that no edit lands where something else has come to stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lsp_server.source_text import LINE_BREAK, SourceText, num_common

_MAX_LINES = 4000
"""Longer differences are one change: finding the smallest ones takes quadratic time."""


@dataclass(frozen=True, slots=True)
class Change:
    """`text` takes the place of what lies between two offsets of the old text."""

    start: int
    end: int
    text: str

    def moved(self, by: int) -> Change:
        return Change(self.start + by, self.end + by, self.text)


def lines_of(text: str) -> list[str]:
    """Lines with their line breaks; joined they are the text, and none is empty."""
    ends = [match.end() for match in LINE_BREAK.finditer(text)]
    starts = [0, *ends]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)][
        : len(ends) + (starts[-1] < len(text))
    ]


def apply_changes(text: str, changes: Iterable[Change]) -> str:
    """Make changes that do not overlap; all offsets are of `text` as it is given."""
    for change in sorted(changes, key=lambda change: (change.start, change.end), reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def minimal_changes(old: str, new: str) -> tuple[Change, ...]:
    """What to change in `old` so that it becomes `new`: in order, apart from each other, only
    within lines that differ, and there only from the first to the last character that does.

    No change begins or ends within a line break, where the protocol has no position.
    """
    old_lines, new_lines = lines_of(old), lines_of(new)
    starts = _offsets(old_lines)
    return tuple(
        _trimmed(old, Change(starts[first], starts[last], "".join(new_lines[other:other_last])))
        for first, last, other, other_last in differences(old_lines, new_lines)
    )


def _offsets(lines: Sequence[str]) -> list[int]:
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    return offsets


def differences(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Where lines differ, in order: from and to of the old ones, from and to of the new ones."""
    before = _num_alike(old, new)
    after = _num_alike(old[before:][::-1], new[before:][::-1])
    old_end, new_end = len(old) - after, len(new) - after
    if max(old_end, new_end) - before > _MAX_LINES:
        yield before, old_end, before, new_end
        return
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, old[before:old_end], new[before:new_end], autojunk=False)
    for tag, first, last, other, other_last in matcher.get_opcodes():
        if tag != "equal":
            yield first + before, last + before, other + before, other_last + before


def _num_alike(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _trimmed(old: str, change: Change) -> Change:
    replaced, text = old[change.start : change.end], change.text
    before = num_common(replaced, text)
    while before and (_splits_break(replaced, before) or _splits_break(text, before)):
        before -= 1
    replaced, text = replaced[before:], text[before:]
    after = num_common(replaced[::-1], text[::-1])
    while after and (
        _splits_break(replaced, len(replaced) - after) or _splits_break(text, len(text) - after)
    ):
        after -= 1
    return Change(change.start + before, change.end - after, text[: len(text) - after])


def _splits_break(text: str, at: int) -> bool:
    return text[at - 1 : at + 1] == "\r\n" and at > 0


@dataclass(slots=True)
class WatchedSpan:
    """Part of a document that may move but must stay as it is, from its first to its last line.

    start, end: where it is now; both at the start of a line, or at the end of the text. is_intact:
    whether nothing has touched it since it is watched; once false, it stays so.
    """

    start: int
    end: int
    is_open_ended: bool
    """Whether it does not end with a whole line break, so that an insertion there could be part of
    its last line."""
    is_intact: bool = field(default=True)

    @classmethod
    def of(cls, text: SourceText, start: int, end: int) -> WatchedSpan:
        """Watch what lies between two offsets of a text."""
        return cls(start, end, is_open_ended=text.slice(max(start, end - 1), end) != "\n")

    def edited(self, start: int, end: int, text: str) -> None:
        """Follow an edit of the document: `text` takes the place of what lies between two offsets.

        What comes directly before must end in a line break, or it would be part of the first line.
        """
        if end < self.start or (end == self.start and text.endswith("\n")):
            moved = len(text) - (end - start)
            self.start += moved
            self.end += moved
        elif start < self.end or (
            start == self.end and (self.is_open_ended or start == self.start)
        ):
            self.is_intact = False

    def lost(self) -> None:
        """The document was closed or replaced as a whole."""
        self.is_intact = False
