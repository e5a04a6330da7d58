"""Unified diffs as models write them: line numbers that are wrong, counts that are missing, blank
context lines without their blank. What counts is the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lsp_server.actions.checks import Refused
from lsp_server.edits import Change, lines_of

_HUNK = re.compile(r"@@+ *(-(?P<line>\d+))?")
_HEADERS = ("--- ", "+++ ", "diff ", "index ", "new file", "deleted file", "\\ No newline")


@dataclass(slots=True)
class Hunk:
    """Lines that are replaced, each without its line break. line: where the first one is said to
    be, from 0; None where that is not said.
    """

    line: int | None = None
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


def is_diff(language: str, code: str) -> bool:
    """Whether a code block holds a diff rather than code."""
    if language in ("diff", "patch"):
        return True
    return bool(re.search(r"^@@ -\d", code, re.MULTILINE)) and bool(
        re.search(r"^[-+](?![-+])", code, re.MULTILINE)
    )


def read_hunks(diff: str) -> list[Hunk]:
    """The hunks of a diff of one file; without any `@@` all of it is one."""
    hunks = [Hunk()]
    for line in diff.removesuffix("\n").split("\n"):
        start = _HUNK.match(line)
        if start is not None:
            hunks.append(Hunk(int(start["line"]) - 1 if start["line"] else None))
        elif line.startswith("-") and not line.startswith("--- "):
            hunks[-1].old.append(line[1:])
        elif line.startswith("+") and not line.startswith("+++ "):
            hunks[-1].new.append(line[1:])
        elif not line.startswith(_HEADERS):
            context = line.removeprefix(" ")
            hunks[-1].old.append(context)
            hunks[-1].new.append(context)
    return [hunk for hunk in hunks if hunk.old != hunk.new]


def diff_changes(diff: str, text: str, line_break: str) -> tuple[Change, ...] | Refused:
    """What a diff changes in a text; refused where the text does not hold what it replaces."""
    hunks = read_hunks(diff)
    if not hunks:
        return Refused("The diff changes nothing.")
    lines = lines_of(text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    plain = [line.rstrip() for line in lines]
    changes: list[Change] = []
    after = 0
    for hunk in hunks:
        first = _found(hunk, plain, after)
        if first is None:
            return Refused("The diff does not fit: the lines that it replaces are not in the file.")
        after = first + len(hunk.old)
        kept = lines[first:after]
        changes.append(Change(starts[first], starts[after], _replaced(hunk, kept, line_break)))
    return tuple(changes)


def _found(hunk: Hunk, plain: Sequence[str], after: int) -> int | None:
    """Where the old lines stand, not before line `after`; nearest to where they should."""
    wanted = [line.rstrip() for line in hunk.old]
    if not wanted:
        return None if hunk.line is None else min(max(after, hunk.line + 1), len(plain))
    places = [
        at
        for at in range(after, len(plain) - len(wanted) + 1)
        if plain[at : at + len(wanted)] == wanted
    ]
    expected = after if hunk.line is None else hunk.line
    return min(places, key=lambda at: abs(at - expected), default=None)


def _replaced(hunk: Hunk, kept: Sequence[str], line_break: str) -> str:
    """The new lines; those of the context exactly as they are in the file."""
    context = {line.rstrip(): line for line in kept}
    new = [context.get(line.rstrip(), line.rstrip() + line_break) for line in hunk.new]
    if kept and not kept[-1].endswith(("\n", "\r")) and new:
        new[-1] = new[-1].rstrip("\r\n")
    return "".join(
        line if at == len(new) - 1 or line.endswith(("\n", "\r")) else line + line_break
        for at, line in enumerate(new)
    )
