"""Raw model text → what is worth showing at the cursor, or the reason why nothing is. Pure
functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lsp_server.context.windows import CursorContext
from lsp_server.rest_of_line import CLOSERS, fit_rest_of_line

MAX_LINES = 10

_TEXT_QUOTES = ('"""', "'''", "")
_OPENERS = (":", "{", "(", "[")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")
_FILE_HEADER = "# file: "
"""What the starter model has seen at the start of each file of its training."""
_LOOP_PERIODS = range(3, 41)
_LOOP_ROUNDS = 5
_UNFINISHED_ROUNDS = 3
_LAST_WORD = re.compile(r"\s*\w+$")
_ANY_LINE = " " * 1000 + "x"
"""A line that is no reason to cut before it."""


class Rejection(StrEnum):
    """Why nothing is shown."""

    BLANK = "blank"
    CONTROL_CHARACTERS = "control characters"
    REPEATS_FOLLOWING = "repeats what follows"
    REPEATS_PRECEDING = "repeats the line above"
    LOOP = "goes round in circles"
    ANOTHER_FILE = "begins another file"
    OUT_OF_SCOPE = "belongs outside of the block"
    UNSURE = "the model is not sure enough"
    LANGUAGE = "the model has not learnt this language"


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
    return CLOSERS.fullmatch(context.rest_of_line) is not None


def stop_strings(context: CursorContext, *, single_line: bool = False) -> tuple[str, ...]:
    """Where generation can end because nothing behind would be shown.

    single_line: the model's lines after the first are not worth showing.
    """
    return ("\n\n\n",) if is_multiline(context) and not single_line else ("\n",)


def is_settled(text: str, context: CursorContext) -> bool:
    """Whether nothing that the model still adds to `text` can change what is shown."""
    if _begins_file(text, context):
        return True
    if not is_multiline(context):
        return "\n" in text or _is_loop(text)
    *lines, last = text.split("\n")
    if _is_loop(last) or len(_kept([*lines, _ANY_LINE], context)) <= len(lines):
        return True
    leaves = bool(last.strip()) and not CLOSERS.fullmatch(last)
    return leaves and len(_scope([*lines, last], context)) <= len(lines)


def postprocess(raw: str, context: CursorContext, *, cut_short: bool) -> Suggestion | Rejected:
    """Make a suggestion of a model's text. `cut_short`: the model would have gone on."""
    text = worth_showing(raw, context, cut_short=cut_short)
    return text if isinstance(text, Rejected) else fitted(text, context)


def worth_showing(raw: str, context: CursorContext, *, cut_short: bool) -> str | Rejected:
    """Return how much of the beginning of a model's text is worth showing."""
    reason = _reason_against(raw, context)
    if reason:
        return Rejected(reason)
    raw_lines = raw.split("\n") if is_multiline(context) else [raw.partition("\n")[0]]
    lines = _scope(raw_lines, context)
    if not any(map(str.strip, lines)):
        return Rejected(Rejection.OUT_OF_SCOPE)
    lines = _kept(lines, context)
    is_unfinished = cut_short and len(lines) == raw.count("\n") + 1
    sound = _before_loop(lines, is_unfinished=is_unfinished)
    if lines and not any(map(str.strip, sound)):
        return Rejected(Rejection.LOOP)
    if is_unfinished and len(sound) == len(lines):
        sound = _complete(sound)
    text = "\n".join(sound)
    return text if text.strip() else Rejected(Rejection.REPEATS_FOLLOWING)


def fitted(text: str, context: CursorContext) -> Suggestion | Rejected:
    """Bring a text into agreement with what follows the cursor on its line."""
    rest = context.rest_of_line.rstrip()
    suggestion = Suggestion(*fit_rest_of_line(text, context.line_before, rest))
    return suggestion if suggestion.text.strip() else Rejected(Rejection.REPEATS_FOLLOWING)


def _reason_against(raw: str, context: CursorContext) -> Rejection | None:
    """What is wrong with a text from its first line on."""
    if _CONTROL.search(raw):
        return Rejection.CONTROL_CHARACTERS
    if not raw.strip():
        return Rejection.BLANK
    if _begins_file(raw, context):
        return Rejection.ANOTHER_FILE
    if _repeats_line_above(raw.partition("\n")[0], context):
        return Rejection.REPEATS_PRECEDING
    return None


def _repeats_line_above(first: str, context: CursorContext) -> bool:
    """Whether the cursor's line would say the same as the last one above it: a small model's habit,
    which was right in none of 15 cases. A line of marks alone may well come twice.
    """
    line = (context.line_before + first + context.rest_of_line).strip()
    return re.search(r"\w", line) is not None and line == context.previous_line.strip()


def _begins_file(text: str, context: CursorContext) -> bool:
    """Whether the text writes the header of a file, which is a habit and no suggestion."""
    before = context.line_before.lstrip()
    return (before + text).lstrip().startswith(_FILE_HEADER) and _FILE_HEADER not in before


def _before_loop(lines: list[str], *, is_unfinished: bool) -> list[str]:
    """Cut before a line that goes round in circles, and before the quotes of a text that would
    begin with it.
    """
    last = len(lines) - 1
    loops = (_is_loop(line, is_unfinished and at == last) for at, line in enumerate(lines))
    loop = next((at for at, loops_here in enumerate(loops) if loops_here), None)
    if loop is None:
        return lines
    while loop and lines[loop - 1].strip() in _TEXT_QUOTES:
        loop -= 1
    return lines[:loop]


def _is_loop(line: str, is_unfinished: bool = False) -> bool:
    """Whether the end repeats itself; a line drawn with one mark does not count. Fewer rounds tell
    enough, also of a single digit, where the model had no tokens left: it would not have stopped.
    """
    line = line.rstrip()
    times = _UNFINISHED_ROUNDS if is_unfinished else _LOOP_ROUNDS
    rounds = (line[-period:] for period in _LOOP_PERIODS if period * times <= len(line))
    ends = (each for each in rounds if line.endswith(each * times))
    return any(len(set(each)) > 1 or (is_unfinished and each.isalnum()) for each in ends)


def _kept(lines: list[str], context: CursorContext) -> list[str]:
    """Cut at everything that is a matter of whole lines."""
    return _without_next_line(_without_repeats(_scope(lines, context), context), context)


def _complete(lines: list[str]) -> list[str]:
    """Leave a last line out that the model had no tokens left to finish; where it is all, only its
    last word, which may be half of one.
    """
    *before, last = lines
    if any(map(str.strip, before)):
        return before
    words = _LAST_WORD.sub("", last)
    return [*before, words if words.strip() else last]


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
            return lines[: at + 1] if CLOSERS.fullmatch(line) else lines[:at]
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
