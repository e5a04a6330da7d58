"""Completions as a terminal shows them: the file's surroundings with the ghost text in place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from lsp_server.cli.asking import Answer, Filling, Shown
from lsp_server.cli.target import Hole
from lsp_server.source_text import LINE_BREAK
from model_runtime.api import Finished, ModelInfo

GHOST_STYLE = "dim italic"
LINES_BEFORE = 6
LINES_AFTER = 4
_LEXED_LINES_BEFORE = 200  # so that the excerpt starts inside the right string or comment
_MAX_SHOWN = 160  # characters of a line on either side of the hole
_OPEN, _CLOSE = "‹", "›"
_ELLIPSIS = "…"
_TAB = " " * 4

# Steer a terminal (C0, C1), or break or reorder its lines (separators, bidirectional overrides).
_CONTROLS = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) != "\n"}
_CONTROLS |= dict.fromkeys(
    (*range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)), "�"
)


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """Some lines of a text around a hole; `ghost` fills it. Line breaks are `\\n`."""

    before: str
    ghost: str
    after: str
    first_number: int


def show_answer(console: Console, hole: Hole, answer: Answer) -> None:
    """Print the candidates in their place, how sure the model was, and what it cost."""
    for number, filling in enumerate(answer.fillings, start=1):
        if len(answer.fillings) > 1:
            console.print(f"{number} of {len(answer.fillings)}", style="bold", highlight=False)
        _show_filling(console, hole, filling, answer.model)
    _say(console, timings_line(answer))


def _show_filling(console: Console, hole: Hole, filling: Filling, model: ModelInfo) -> None:
    show_completion(console, hole, filling.text, filling.num_replaced)
    if not filling.text:
        _say(console, "(nothing to suggest here)")
    elif filling.mean_logprob is not None:
        _say(console, confidence_line(filling, filling.mean_logprob, model))


def _say(console: Console, text: str) -> None:
    console.print(text, style="dim", highlight=False, soft_wrap=True)


def confidence_line(filling: Filling, mean_logprob: float, model: ModelInfo) -> str:
    """Say how sure the model was, and whether an editor would show less of it for that reason."""
    sureness = f"{math.exp(mean_logprob):.0%} sure of each token (mean log-probability "
    parts = [f"{sureness}{mean_logprob:.2f})"]
    if filling.first_drop is not None:
        parts.append(_doubt(filling.first_drop, len(filling.text)))
    if filling.shown is Shown.NOTHING:
        least = model.min_mean_logprob
        because = "" if least is None else f", below {least:.2f}"
        parts.append(f"an editor shows it only on demand{because}")
    elif filling.shown is Shown.BEGINNING:
        parts.append("an editor shows the lines before the doubtful one")
    return " · ".join(parts)


def _doubt(first_drop: int, num_chars: int) -> str:
    if first_drop >= num_chars:
        return "in doubt whether it ends there"
    return f"first doubt after {_count(first_drop, 'character')}"


def show_completion(console: Console, hole: Hole, ghost: str, num_replaced: int = 0) -> None:
    """Print the lines around a hole, the ghost text in place: dimmed on a terminal, else in ‹ ›.

    num_replaced: characters behind the hole whose place the ghost text takes.
    """
    excerpt = _cut(hole, ghost, num_replaced)
    styled = console.is_terminal and not console.is_dumb_terminal
    body = _styled(excerpt, hole.path) if styled else _marked(excerpt)
    numbers = _numbers(excerpt)
    width = max(len(number) for number in numbers)
    for number, line in zip(numbers, body.split("\n", allow_blank=True), strict=True):
        gutter = (f"{number:>{width}} │ ", "dim" if styled else "")
        console.print(Text.assemble(gutter, line), soft_wrap=True, highlight=False)


def timings_line(answer: Answer) -> str:
    """Say in one line what an answer cost."""
    usage, timings = answer.finished.usage, answer.finished.timings
    is_counted = usage.prompt_tokens or usage.completion_tokens
    counts = [
        f"{_count(usage.completion_tokens, 'token')} in {timings.total_ms:.0f} ms",
        f"prompt {usage.prompt_tokens} = {usage.cached_tokens} cached "
        f"+ {usage.computed_tokens} computed",
    ]
    parts = [
        *(counts if is_counted else [f"{timings.total_ms:.0f} ms, tokens not counted"]),
        f"queue {timings.queue_ms:.1f}, prefill {timings.prefill_ms:.1f}, "
        f"decode {timings.decode_ms:.1f} ms",
    ]
    if rate := tokens_per_second(answer.finished):
        parts.append(f"{rate:.0f} tok/s")
    if usage.draft_tokens:
        parts.append(f"{usage.accepted_tokens} of {usage.draft_tokens} draft tokens right")
    return " · ".join([*parts, answer.finished.reason.value, answer.model.id])


def tokens_per_second(finished: Finished) -> float | None:
    """Return the speed of decoding (the first token is prefill); None without a second token, or
    with drafts: those may have come with the first one.
    """
    num_decoded = finished.usage.completion_tokens - 1
    if num_decoded < 1 or finished.timings.decode_ms <= 0 or finished.usage.accepted_tokens:
        return None
    return 1000 * num_decoded / finished.timings.decode_ms


def printable(text: str) -> str:
    """Make a text safe to print: visible control characters, spaces for tabs, `\\n` line breaks."""
    return LINE_BREAK.sub("\n", text).replace("\t", _TAB).translate(_CONTROLS)


def _cut(hole: Hole, ghost: str, num_replaced: int) -> _Excerpt:
    before = printable(hole.text[: hole.offset]).split("\n")
    after = printable(hole.text[hole.offset + num_replaced :]).split("\n")
    first = max(0, len(before) - 1 - _LEXED_LINES_BEFORE)
    return _Excerpt(
        before="\n".join(before[first:]),
        ghost=printable(ghost),
        after="\n".join(after[: 1 + LINES_AFTER]),
        first_number=first + 1,
    )


def _styled(excerpt: _Excerpt, path: Path) -> Text:
    code = excerpt.before + excerpt.ghost + excerpt.after
    text = _highlighted(code, path)
    start = len(excerpt.before)
    text.stylize(f"not bold not underline default {GHOST_STYLE}", start, start + len(excerpt.ghost))
    return _shown_part(text, excerpt)


def _highlighted(code: str, path: Path) -> Text:
    text = Syntax("", Syntax.guess_lexer(str(path)), theme="ansi_dark").highlight(code)
    if text.plain == f"{code}\n":  # the lexer ends every text with a line break
        text.right_crop(1)
    return text if text.plain == code else Text(code)


def _marked(excerpt: _Excerpt) -> Text:
    ghost = f"{_OPEN}{excerpt.ghost}{_CLOSE}"
    return _shown_part(Text(excerpt.before + ghost + excerpt.after), excerpt, num_marks=2)


def _shown_part(text: Text, excerpt: _Excerpt, num_marks: int = 0) -> Text:
    """Drop the lines that were there for the lexer only, and the far ends of long lines."""
    num_dropped = max(0, excerpt.before.count("\n") - LINES_BEFORE)
    lines = list(text.split("\n", allow_blank=True))[num_dropped:]
    first_ghost_line = excerpt.before.count("\n") - num_dropped
    hole_column = len(excerpt.before) - (excerpt.before.rfind("\n") + 1)
    ghost_len = len(excerpt.ghost) + num_marks
    for index, line in enumerate(lines):
        column = hole_column if index == first_ghost_line else 0
        lines[index] = _shortened(line, column, column + ghost_len)
    return Text("\n").join(lines)


def _shortened(line: Text, start: int, end: int) -> Text:
    """Keep what lies near to the columns from `start` to `end`."""
    first, last = max(0, start - _MAX_SHOWN), end + _MAX_SHOWN
    if first == 0 and len(line) <= last:
        return line
    kept = line[first:last]
    head = Text(_ELLIPSIS if first else "")
    tail = Text(_ELLIPSIS if len(line) > last else "")
    return head + kept + tail


def _numbers(excerpt: _Excerpt) -> list[str]:
    """Number the shown lines as the file does; lines that the ghost text adds have no number."""
    hole_number = excerpt.first_number + excerpt.before.count("\n")
    first = max(excerpt.first_number, hole_number - LINES_BEFORE)
    until_hole = [str(number) for number in range(first, hole_number + 1)]
    added = [""] * excerpt.ghost.count("\n")
    num_after = excerpt.after.count("\n")
    rest = [str(hole_number + number) for number in range(1, num_after + 1)]
    return [*until_hole, *added, *rest]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
