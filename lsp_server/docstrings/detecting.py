"""Which style a file's docstrings have."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace

from lsp_server.docstrings.blocks import Section
from lsp_server.docstrings.facts import Kind
from lsp_server.docstrings.literal import as_lines
from lsp_server.docstrings.python_source import Definition
from lsp_server.docstrings.reading import read
from lsp_server.docstrings.styles import Convention, Style

_MAX_READ = 200
"""Docstrings that are looked at; a file does not change its mind after that many."""


def convention_of(tree: ast.Module, style: Style | None = None) -> Convention:
    """The style of most docstrings, unless one is given, and whether their entries tell types.
    Google's with types where there are none to learn from.
    """
    styles: Counter[Style] = Counter()
    typed: Counter[bool] = Counter()
    for docstring in _docstrings(tree)[:_MAX_READ]:
        own, blocks = read(as_lines(docstring))
        if own is None:
            continue
        styles[own] += 1
        entries = [e for b in blocks if isinstance(b, Section) for e in b.entries]
        kinds = {entry.kind for entry in entries}
        if Kind.PARAMETER in kinds:
            typed[Kind.TYPE in kinds or any(entry.type for entry in entries)] += 1
    found = Convention(with_types=typed[True] >= typed[False])
    if style is not None:
        return replace(found, style=style)
    return replace(found, style=styles.most_common(1)[0][0]) if styles else found


def _docstrings(tree: ast.Module) -> list[str]:
    nodes = (node for node in ast.walk(tree) if isinstance(node, Definition))
    texts = (ast.get_docstring(node, clean=False) for node in nodes)
    return [text for text in texts if text]
