"""Has a model write the prose into a docstring's holes, from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence

from lsp_server.docstrings.answers import Write
from lsp_server.docstrings.blocks import Fixed, Hole, Line, Written
from lsp_server.docstrings.literal import Literal
from lsp_server.docstrings.prose import cleaned

MAX_CALLS = 24
"""Holes behind these get what their names say: nobody waits for a hundred sentences."""


async def filled(
    lines: Sequence[Written], literal: Literal, before: str, after: str, write: Write
) -> list[Line]:
    """Return the lines with prose in place of holes.

    before: the file up to and including the opening quotes. after: what follows the docstring's
    last line. Each prefix begins with the one before it and the suffix stays the same, so that a
    model reads every token once.
    """
    done: list[Line] = []
    num_calls = 0
    for line in lines:
        if isinstance(line, Line):
            done.append(line)
        elif isinstance(line, Fixed):
            done.append(literal.new_line(line.text))
        else:
            raw = ""
            if num_calls < MAX_CALLS:
                num_calls += 1
                raw = await write(before + _so_far(done, literal, line), after)
            done.append(literal.new_line(_with_prose(line, raw)))
    return done


def _so_far(done: Sequence[Line], literal: Literal, hole: Hole) -> str:
    if not done:
        return hole.before
    return f"{literal.joined(done)}\n{literal.margin}{literal.encoded(hole.before)}"


def _with_prose(hole: Hole, raw: str) -> str:
    prose = cleaned(raw, subject=hole.subject, fallback=hole.fallback, is_clause=hole.is_clause)
    if hole.after and "efaults to" in prose:
        return hole.before + hole.fallback + hole.after
    return hole.before + prose + hole.after
