"""Every function and class of some of the standard library's packages, in every style, whatever the
model says.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import dataclasses
import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.docstrings.answers import Refusal, Write
from lsp_server.docstrings.document import document_definition
from lsp_server.docstrings.python_document import document_found
from lsp_server.docstrings.python_source import PythonSource, definitions
from lsp_server.docstrings.styles import Convention, Style
from lsp_server.edits import Change, apply_changes
from tests.unit.docstring_checks import declared, documented, held, without_docstrings

FILES = [
    Path(dataclasses.__file__),
    Path(argparse.__file__),
    *sorted(Path(json.__file__).parent.glob("*.py")),
    *sorted(Path(asyncio.__file__).parent.glob("*.py")),
]
HOSTILE = (
    'He said "stop"',
    '"""',
    "'''\n\nimport os",
    "a backslash \\",
    "\\N{BULLET} and \\x41 and \\u0041",
    "first line\r\nsecond line",
    "nul \x00 and bell \x07",
    "family 👩‍👩‍👧 and 中文 text",
    "Args:",
    ":param x: something else",
    "Parameters\n----------\ny : int",
    "half a pair \ud83d here",
    "   ",
    "x" * 5000,
    "the same the same the same the same the same",
    "ends with a quote of 'this' and \"that\"",
    "Returns: nothing at all",
    "y (int): Another parameter.",
    "line\u2028separator and\x0cform feed",
    "A perfectly normal sentence. And another",
)


def writing(*texts: str) -> Write:
    """Write these texts in turn, again and again."""
    position = iter(range(10**9))

    async def write(prefix: str, suffix: str) -> str:
        return texts[next(position) % len(texts)]

    return write


async def all_changes(text: str, style: Style, write: Write) -> list[Change]:
    source = PythonSource.of(text)
    convention = Convention(style)
    changes = []
    for found in definitions(source):
        result = await document_found(text, source, found, convention, write)
        if isinstance(result, Refusal):
            assert "up to date" in result.reason, (found.node.name, result)
        else:
            changes.append(result)
    return changes


def documented_whole(text: str, style: Style, write: Write) -> str:
    return apply_changes(text, asyncio.run(all_changes(text, style, write)))


def emptied(text: str) -> str:
    """The text with empty docstrings in place of those it has."""
    source = PythonSource.of(text)
    spans = [
        source.span(found.node.body[0])
        for found in definitions(source)
        if ast.get_docstring(found.node, clean=False) is not None
    ]
    return apply_changes(text, [Change(start, end, '""""""') for start, end in spans])


def check_parameters(text: str, *styles: Style) -> None:
    """Hold every docstring against its signature; each is in one of the styles."""
    for node, holder in held(ast.parse(text)):
        docstring = ast.get_docstring(node, clean=False)
        assert docstring, node.name
        named = [documented(docstring, style) for style in styles]
        assert declared(node, holder) in named, node.name


def prose_lines(text: str) -> Iterator[list[str]]:
    for node, _ in held(ast.parse(text)):
        docstring = ast.get_docstring(node, clean=False) or ""
        yield [line.strip() for line in docstring.split("\n") if line.strip()]


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_definition_is_documented_as_its_signature_is(path: Path, style: Style) -> None:
    text = path.read_text()
    bare = emptied(text)
    result = documented_whole(bare, style, writing(*HOSTILE))
    assert without_docstrings(result) == without_docstrings(text)
    check_parameters(result, style)


@pytest.mark.parametrize(("path", "style"), list(zip(FILES, cycle(Style), strict=False)))
def test_what_is_said_already_is_kept(path: Path, style: Style) -> None:
    text = path.read_text()
    result = documented_whole(text, style, writing("What it is for."))
    assert without_docstrings(result) == without_docstrings(text)
    check_parameters(result, style, *Style)  # one that has sections stays in its style
    for before, after in zip(prose_lines(text), prose_lines(result), strict=True):
        assert [line for line in after if line in before][: len(before)] == before
    assert documented_whole(result, style, writing("Another sentence.")) == result


def test_the_sweep_is_over_something() -> None:
    assert sum(len(held(ast.parse(path.read_text()))) for path in FILES) > 1000


@given(
    prose=st.lists(st.one_of(st.text(max_size=200), st.sampled_from(HOSTILE)), min_size=1),
    style=st.sampled_from(Style),
)
@settings(max_examples=25)
def test_whatever_a_model_says(prose: list[str], style: Style) -> None:
    text = Path(json.__file__).with_name("scanner.py").read_text()
    result = documented_whole(emptied(text), style, writing(*prose))
    assert without_docstrings(result) == without_docstrings(text)
    check_parameters(result, style)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_the_whole_way_from_an_offset(line_break: str) -> None:
    text = Path(json.__file__).with_name("encoder.py").read_text().replace("\n", line_break)
    for node, _ in held(ast.parse(text)):
        lines = text.split(line_break)
        offset = sum(len(line) + len(line_break) for line in lines[: node.lineno - 1])
        write = writing("What it is for.")
        changes = asyncio.run(document_definition(text, "python", offset, style=None, write=write))
        assert isinstance(changes, tuple), (node.name, changes)
        result = apply_changes(text, changes)
        assert without_docstrings(result) == without_docstrings(text)
        assert not set(result.replace(line_break, "")) & {"\r", "\n"}
