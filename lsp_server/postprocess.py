"""Raw model text → what is worth showing at the cursor, or the reason why nothing is. Pure
functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lsp_server.context.windows import CursorContext

MAX_LINES = 10

_QUOTES = "\"'`"
_CLOSER_OF = {"(": ")", "[": "]", "{": "}"} | {quote: quote for quote in _QUOTES}
_TEXT_QUOTES = ('"""', "'''", "")
_CLOSING = frozenset(_CLOSER_OF.values())
_CLOSERS = re.compile(r"[)\]}\"'`\s;,:]*")
_OPENERS = (":", "{", "(", "[")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")
_LOOP = re.compile(r"(.{3,40}?)\1{4,}$")
_LOOP_CHARS = 240
_ANY_LINE = " " * 1000 + "x"
"""A line that is no reason to cut before it."""


class Rejection(StrEnum):
    """Why nothing is shown."""

    BLANK = "blank"
    CONTROL_CHARACTERS = "control characters"
    REPEATS_FOLLOWING = "repeats what follows"
    LOOP = "goes round in circles"
    OUT_OF_SCOPE = "belongs outside of the block"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text for the cursor, line breaks as `\\n`, and how many characters behind it it replaces."""

    text: str
    num_replaced: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing to show."""

    reason: Rejection


def is_multiline(context: CursorContext) -> bool:
    """More than one line only where nothing but closing marks follows on the cursor's line."""
    return _CLOSERS.fullmatch(context.rest_of_line) is not None


def stop_strings(context: CursorContext, *, single_line: bool = False) -> tuple[str, ...]:
    """Where generation can end because nothing behind would be shown.

    single_line: the model's lines after the first are not worth showing.
    """
    return ("\n\n\n",) if is_multiline(context) and not single_line else ("\n",)


def is_settled(text: str, context: CursorContext) -> bool:
    """Whether nothing that the model still adds to `text` can change what is shown."""
    if not is_multiline(context):
        return "\n" in text or _is_loop(text)
    *lines, last = text.split("\n")
    if _is_loop(last) or len(_kept([*lines, _ANY_LINE], context)) <= len(lines):
        return True
    leaves = bool(last.strip()) and not _CLOSERS.fullmatch(last)
    return leaves and len(_scope([*lines, last], context)) <= len(lines)


def postprocess(raw: str, context: CursorContext, *, cut_short: bool) -> Suggestion | Rejected:
    """Make a suggestion of a model's text. `cut_short`: the model would have gone on."""
    if _CONTROL.search(raw):
        return Rejected(Rejection.CONTROL_CHARACTERS)
    if not raw.strip():
        return Rejected(Rejection.BLANK)
    raw_lines = raw.split("\n") if is_multiline(context) else [raw.partition("\n")[0]]
    lines = _scope(raw_lines, context)
    if not any(map(str.strip, lines)):
        return Rejected(Rejection.OUT_OF_SCOPE)
    lines = _kept(lines, context)
    sound = _before_loop(lines)
    if lines and not any(map(str.strip, sound)):
        return Rejected(Rejection.LOOP)
    if cut_short and len(sound) == len(raw_lines):
        sound = _complete_lines(sound)
    suggestion = _fit_rest_of_line("\n".join(sound), context.rest_of_line)
    return suggestion if suggestion.text.strip() else Rejected(Rejection.REPEATS_FOLLOWING)


def _before_loop(lines: list[str]) -> list[str]:
    """Cut before a line that goes round in circles, and before the quotes of a text that would
    begin with it.
    """
    loop = next((at for at, line in enumerate(lines) if _is_loop(line)), None)
    if loop is None:
        return lines
    while loop and lines[loop - 1].strip() in _TEXT_QUOTES:
        loop -= 1
    return lines[:loop]


def _is_loop(line: str) -> bool:
    """Whether the end repeats itself; a line drawn with one character does not count."""
    match = _LOOP.search(line.rstrip()[-_LOOP_CHARS:])
    return match is not None and len(set(match.group(1))) > 1


def _kept(lines: list[str], context: CursorContext) -> list[str]:
    """Cut at everything that is a matter of whole lines."""
    return _without_next_line(_without_repeats(_scope(lines, context), context), context)


def _complete_lines(lines: list[str]) -> list[str]:
    """Leave a last line out that the model had no tokens left to finish, unless it is all."""
    return lines[:-1] if any(map(str.strip, lines[:-1])) else lines


def _scope(lines: list[str], context: CursorContext) -> list[str]:
    """Cut where the block that the cursor is in, or that the first line opens, ends."""
    whole = [context.line_before + lines[0], *lines[1:]]
    first = next((at for at, line in enumerate(whole) if line.strip()), 0)
    base, opens = _indent(whole[first]), whole[first].rstrip().endswith(_OPENERS)
    for at in range(first + 1, len(whole)):
        line = whole[at]
        if not line.strip():
            if not opens and any(map(str.strip, lines[:at])):
                return lines[:at]
            continue
        if _indent(line) < base or (opens and _indent(line) == base):
            return lines[: at + 1] if _CLOSERS.fullmatch(line) else lines[:at]
    return lines[:MAX_LINES]


def _indent(line: str) -> int:
    line = line.expandtabs(8)
    return len(line) - len(line.lstrip())


def _without_repeats(lines: list[str], context: CursorContext) -> list[str]:
    """Cut before up to three lines that say again what the lines before them say."""
    whole = [context.line_before + lines[0], *lines[1:]]
    for end in range(2, len(whole) + 1):
        for size in range(1, min(3, end // 2) + 1):
            again = whole[end - size : end]
            if any(map(str.strip, again)) and again == whole[end - 2 * size : end - size]:
                return lines[: end - size]
    return lines


def _without_next_line(lines: list[str], context: CursorContext) -> list[str]:
    """Cut before a line that the file has below the cursor anyway."""
    following = context.next_line.rstrip()
    if not following:
        return lines
    first = context.line_before + lines[0]
    if lines[0].strip() and following in (first.rstrip(), (first + context.rest_of_line).rstrip()):
        return []
    for at, line in enumerate(lines[1:], 1):
        if line.rstrip() == following:
            return lines[:at]
    return lines


def _fit_rest_of_line(text: str, rest: str) -> Suggestion:
    """Agree with what follows the cursor on its line: repeat none of it, replace what is closed."""
    rest = rest.rstrip()
    if not rest:
        return Suggestion(text.rstrip())
    if text.rstrip().endswith(rest):
        return Suggestion(text.rstrip().removesuffix(rest))
    num_closed = _num_closed(text, rest) if _CLOSERS.fullmatch(rest) else 0
    if num_closed and text.endswith(rest[:num_closed]):
        return Suggestion(text[:-num_closed])
    return Suggestion(text, num_closed)


def _num_closed(text: str, rest: str) -> int:
    """Count the closing marks at the start of `rest` that `text` brings along itself."""
    open_marks: list[str] = []
    num_closed = 0
    for char in text:
        if open_marks and char == _CLOSER_OF[open_marks[-1]]:
            open_marks.pop()
        elif open_marks and open_marks[-1] in _QUOTES:
            continue
        elif rest[num_closed : num_closed + 1] == char and (num_closed or char in _CLOSING):
            num_closed += 1
        elif char in _CLOSER_OF:
            open_marks.append(char)
    return max(0, num_closed - len(open_marks))  # what it leaves open, `rest` closes
