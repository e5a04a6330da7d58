"""Has a model write the prose into a docstring's holes, from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lsp_server.docstrings.answers import Write
from lsp_server.docstrings.blocks import Fixed, Hole, Line, Written
from lsp_server.docstrings.neighbours import Said, is_taken
from lsp_server.docstrings.prose import cleaned
from lsp_server.docstrings.relating import relates

MAX_HOLES = 24
"""Holes behind these get what their names say: nobody waits for a hundred sentences."""


class Notation(Protocol):
    """How the lines of a docstring are spelled in a file."""

    def new_line(self, text: str) -> Line:
        """Spell a line that is not there yet."""

    def up_to(self, done: Sequence[Line], text: str) -> str:
        """Spell these lines, and the next one as far as it is known."""


async def filled(
    lines: Sequence[Written],
    notation: Notation,
    before: str,
    after: str,
    write: Write,
    neighbours: Sequence[Said] = (),
) -> list[Line]:
    """Return the lines with prose in place of holes.

    before: the file up to and including the opening quotes. after: what follows the docstring's
    last line. neighbours: what other docstrings say. Each prefix begins with the one before it and
    the suffix stays the same, so that a model reads every token once.
    """
    done: list[Line] = []
    said: set[str] = set()
    num_asked = 0
    for line in lines:
        if isinstance(line, Line):
            done.append(line)
        elif isinstance(line, Fixed):
            done.append(notation.new_line(line.text))
        else:
            raw = ""
            if num_asked < MAX_HOLES:
                num_asked += 1
                raw = await _raw(line, before + notation.up_to(done, line.before), after, write)
            prose = _prose(line, raw, said, neighbours)
            said.add(prose)
            done.append(notation.new_line(line.before + prose + line.after))
    return done


async def _raw(hole: Hole, prefix: str, suffix: str, write: Write) -> str:
    raw = await write(prefix, suffix)
    if raw.strip() or not hole.lead:
        return raw
    more = await write(prefix + hole.lead, suffix)
    return hole.lead + more if more[:1] == " " else raw


def _prose(hole: Hole, raw: str, said: set[str], neighbours: Sequence[Said]) -> str:
    """What a model says, unless it says what it has said above, what is said of something else, or
    what has nothing to do with the name; or it speaks of a default itself.
    """
    prose = cleaned(
        raw,
        subject=hole.subject,
        fallback=hole.fallback,
        is_clause=hole.is_clause,
        opens_with_type=hole.opens_with_type,
    )
    is_doubled = prose in said or (bool(hole.after) and "efaults to" in prose)
    is_foreign = hole.topics is not None and not relates(prose, hole.subject, hole.topics)
    if is_doubled or is_foreign or is_taken(prose, hole.subject, neighbours):
        return hole.fallback
    return prose
