"""From what a docstring says and what its signature has to the lines that it should have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lsp_server.docstrings import wording
from lsp_server.docstrings.blocks import (
    REMARKS,
    Block,
    Fixed,
    Hole,
    Line,
    Text,
    Written,
    lines_of,
    named,
)
from lsp_server.docstrings.facts import Kind, Signature
from lsp_server.docstrings.reading import read as read_docstring
from lsp_server.docstrings.relating import topics
from lsp_server.docstrings.styles import CommentStyle, Convention, Style
from lsp_server.docstrings.updating import updated

Read = Callable[[Sequence[Line]], tuple[Style | CommentStyle | None, tuple[Block, ...]]]


def planned(
    signature: Signature, there: Sequence[Line], convention: Convention, read: Read = read_docstring
) -> tuple[Written, ...] | None:
    """The lines that a docstring should have, with holes for the prose; None if it has them.

    there: the lines that it has, which `read` takes apart. If they have sections of a style, they
    keep it.
    """
    own, blocks = read(there)
    if own is not None:
        convention = replace(convention, style=own)
    wanted = updated(blocks, signature, convention)
    if wanted == blocks and there:
        return None
    lines = _spaced(wanted)
    if not lines or not there:
        fallback = wording.summary(signature)
        lead = fallback.split(maxsplit=1)[0].rstrip(".")
        summary = Hole("", signature.name, fallback, lead=lead, topics=topics(signature))
        lines = _spaced((Text((summary,)), *wanted))
    return tuple(lines)


def is_complete(lines: Sequence[Line], signature: Signature, read: Read = read_docstring) -> bool:
    """Whether a docstring names just the parameters and fields that its signature has."""
    _, blocks = read(lines)
    parameters = set(named(blocks, Kind.PARAMETER))
    if signature.attributes is not None:
        described = {*parameters, *named(blocks, Kind.ATTRIBUTE)}
        return described >= {each.name for each in signature.attributes}
    if signature.parameters is None:
        return True
    names = {each.name for each in signature.parameters}
    if signature.takes_more:
        return parameters >= names
    return parameters - (REMARKS - names) == names


def _spaced(blocks: Sequence[Block]) -> list[Written]:
    """All lines, new blocks set off by a blank line, none at the end."""
    lines: list[Written] = []
    for block in blocks:
        part = lines_of((block,))
        if lines and part:
            if isinstance(block, Text) and _is_blank(lines[-1]):
                part = part[_num_blank(part) :]
            elif not _is_blank(lines[-1]) and not _is_blank(part[0]) and _is_new(lines[-1], part):
                lines.append(Fixed(""))
        lines += part
    return lines[: len(lines) - _num_blank(lines[::-1])]


def _is_new(above: Written, part: Sequence[Written]) -> bool:
    return not (isinstance(above, Line) and isinstance(part[0], Line))


def _num_blank(lines: Sequence[Written]) -> int:
    return next((at for at, line in enumerate(lines) if not _is_blank(line)), len(lines))


def _is_blank(line: Written) -> bool:
    return not isinstance(line, Hole) and not line.text.strip()
