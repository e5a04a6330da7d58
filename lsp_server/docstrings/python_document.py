"""Documents one Python definition: the skeleton from its syntax, the prose from a model, and a
proof that nothing but the docstring has changed.
"""

from __future__ import annotations

import ast
import asyncio
from dataclasses import dataclass

from lsp_server.docstrings.answers import Refusal, Write
from lsp_server.docstrings.detecting import convention_of
from lsp_server.docstrings.filling import filled
from lsp_server.docstrings.literal import as_lines
from lsp_server.docstrings.neighbours import docstrings_beside, without
from lsp_server.docstrings.planning import is_complete, planned
from lsp_server.docstrings.python_place import place_of
from lsp_server.docstrings.python_signature import is_overload, signature_of
from lsp_server.docstrings.python_source import (
    Definition,
    Found,
    PythonSource,
    Unreadable,
    enclosing,
    is_in_class,
    piece_around,
    whole_span,
)
from lsp_server.docstrings.styles import Convention, Style
from lsp_server.edits import Change

_BLOCK, _CLASS = "if 1:\n", "class _:\n"
"""One of them puts an indented piece into a block, so that it can be parsed."""


async def document_python(
    text: str, offset: int, style: Style | None, write: Write
) -> Change | Refusal:
    """Document the definition around an offset of a text whose line breaks are all `\\n`."""
    site = await asyncio.to_thread(site_at, text, offset, style)
    if isinstance(site, Refusal):
        return site
    return await document_found(text, site.source, site.found, site.convention, write)


@dataclass(frozen=True, slots=True)
class Site:
    """A definition and what is known around it."""

    source: PythonSource
    found: Found
    convention: Convention


def site_at(text: str, offset: int, style: Style | None) -> Site | Refusal:
    """Read the definition around an offset. A large file takes a while: not for the event loop."""
    try:
        source = readable_piece(text, offset)
    except Unreadable as error:
        return Refusal(f"This does not parse as Python ({error}): mend that first.")
    found = enclosing(source, offset - source.start)
    if found is None:
        return Refusal("There is no function or class at the cursor.")
    return Site(source, found, convention_of(source.tree, style))


async def document_found(
    text: str, source: PythonSource, found: Found, convention: Convention, write: Write
) -> Change | Refusal:
    """Document one definition of a text. `source` is the text or a piece of it."""
    if is_overload(found.node):
        return Refusal("The docstring of an overloaded function belongs to its implementation.")
    signature = signature_of(source, found)
    place = place_of(source, found.node)
    literal = place.literal
    lines = planned(signature, literal.lines, convention)
    if lines is None:
        return Refusal(f"The docstring of {found.node.name} is up to date: nothing to change.")
    start, end = place.start + source.start, place.end + source.start
    others = await asyncio.to_thread(docstrings_beside, source, found.node)
    above, below = without(text, start, end, others)
    before = above + place.before + literal.opening
    after = f"\n{literal.margin}{literal.quote}{place.after}{below}"
    said = [each for docstring in others for each in docstring.said]
    done = await filled(lines, literal, before, after, write, said)
    change = Change(place.start, place.end, place.before + literal.spelled(done) + place.after)
    docstring = await asyncio.to_thread(_proven, source, found.node, change)
    if docstring is None or not is_complete(as_lines(docstring), signature):
        return Refusal(f"No docstring could be made that fits {found.node.name}.")
    return change.moved(source.start)


def readable_piece(text: str, offset: int) -> PythonSource:
    """The text as Python, or, where it does not parse as a whole, the definition around an offset.
    Raises Unreadable.
    """
    try:
        return PythonSource.of(text)
    except Unreadable as error:
        around = piece_around(text, offset)
        if around is None:
            raise
        try:
            block = _CLASS if is_in_class(text, around[0]) else _BLOCK
            return _in_block(text[slice(*around)], around[0], block)
        except Unreadable:
            raise error from None


def _in_block(piece: str, start: int, block: str = _BLOCK) -> PythonSource:
    if piece[:1] not in (" ", "\t"):
        return PythonSource.of(piece, start)
    return PythonSource.of(block + piece, start - len(block))


def _proven(source: PythonSource, node: Definition, change: Change) -> str | None:
    """The docstring after a change, if the change does nothing but give the definition that.

    The definition's lines alone are parsed: what they hold complete cannot reach beyond them.
    """
    start, end = whole_span(source, node)
    old = source.text[start:end]
    new = old[: change.start - start] + change.text + old[change.end - start :]
    try:
        before, after = _only_definition(old), _only_definition(new)
    except Unreadable:
        return None
    if before is None or after is None:
        return None
    docstring = ast.get_docstring(after, clean=False)
    return docstring if _same_but_docstring(before, after) else None


def _only_definition(lines: str) -> Definition | None:
    """The definition that some lines consist of. Raises Unreadable."""
    body: list[ast.stmt] = _in_block(lines, 0).tree.body
    while len(body) == 1 and isinstance(body[0], ast.If):
        body = body[0].body
    only = body[0] if len(body) == 1 else None
    return only if isinstance(only, Definition) else None


def _same_but_docstring(one: Definition, other: Definition) -> bool:
    """Compare two definitions, of any depth: `ast.dump` gives up at a sum of some hundred terms."""
    waiting: list[tuple[object, object]] = [(_bare(one), _bare(other))]
    while waiting:
        a, b = waiting.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, ast.AST):
            waiting += [(getattr(a, name, None), getattr(b, name, None)) for name in a._fields]
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            waiting += zip(a, b, strict=True)
        elif a != b:
            return False
    return True


def _bare(node: Definition) -> Definition:
    """Take a definition's docstring out."""
    if ast.get_docstring(node, clean=False) is not None:
        del node.body[0]
    return node
