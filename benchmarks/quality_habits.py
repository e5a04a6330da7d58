"""Known bad habits of small models, to see whether a filter for them would pay. For languages whose
blocks are indented; brackets are counted without regard to strings across lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from lsp_server.context.windows import CursorContext

_STRINGS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_OPENERS, _CLOSERS = "([{", ")]}"
_LINES_ABOVE = 20


class Habit(StrEnum):
    """What is wrong with a suggestion's first line, whatever it says."""

    REPEATS_ABOVE = "repeats the line above"
    TOO_DEEP = "indented deeper though nothing opened"
    UNEVEN = "indented by no multiple of the file's step"
    CLOSES_TOO_MUCH = "closes a bracket that is not open"
    LEAVES_OPEN = "leaves a bracket open"
    UNFINISHED = "cut off by the length limit"


def habits_of(context: CursorContext, text: str, *, cut_short: bool) -> frozenset[Habit]:
    """The bad habits that the first line of `text` shows at the cursor."""
    line = context.line_before + text.split("\n", maxsplit=1)[0]
    above = [each for each in context.prefix.split("\n")[:-1] if each.strip()]
    return frozenset(
        [
            *_indentation(context, line, above),
            *_brackets(line + context.rest_of_line, above),
            *([Habit.REPEATS_ABOVE] if above and line.strip() == above[-1].strip() else []),
            *([Habit.UNFINISHED] if cut_short else []),
        ]
    )


def _indentation(context: CursorContext, line: str, above: list[str]) -> Iterable[Habit]:
    """Only where the suggestion chooses the indentation."""
    if context.line_before.strip() or not above or _depth(above)[0] > 0:
        return
    opens = above[-1].rstrip().endswith((":", "\\", *_OPENERS))
    if _indent(line) > _indent(above[-1]) and not opens:
        yield Habit.TOO_DEEP
    steps = [_indent(each) for each in above if _indent(each)]
    if steps and _indent(line) % min(steps):
        yield Habit.UNEVEN


def _brackets(line: str, above: list[str]) -> Iterable[Habit]:
    open_above, _ = _depth(above)
    left_open, too_many = _depth([line])
    if too_many > open_above:
        yield Habit.CLOSES_TOO_MUCH
    if left_open and not line.rstrip().endswith((*_OPENERS, ",")):
        yield Habit.LEAVES_OPEN


def _depth(lines: list[str]) -> tuple[int, int]:
    """How many brackets the last lines leave open, and how many they close without having opened
    them.
    """
    depth = too_many = 0
    for line in lines[-_LINES_ABOVE:]:
        for mark in _STRINGS.sub("", line).split("#")[0]:
            depth += mark in _OPENERS
            if mark in _CLOSERS:
                depth, too_many = (depth - 1, too_many) if depth else (0, too_many + 1)
    return depth, too_many


def _indent(line: str) -> int:
    line = line.expandtabs(8)
    return len(line) - len(line.lstrip())
