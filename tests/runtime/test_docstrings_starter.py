"""Docstrings whose prose the starter model fills in, on a real engine."""

from __future__ import annotations

import asyncio
import json
import shutil
import textwrap
from pathlib import Path

import pytest

from lsp_server.context.windows import cursor_context
from lsp_server.docstrings.document import document_definition
from lsp_server.docstrings.styles import Style
from lsp_server.edits import apply_changes
from lsp_server.source_text import SourceText
from model_runtime.engine import Engine
from tests.runtime.running import run
from tests.unit.docstring_checks import check_parameters, without_docstrings
from tests.unit.test_docstrings_sweep import emptied

FUNCTIONS = [
    (shutil, "def copyfileobj"),
    (shutil, "def disk_usage"),
    (textwrap, "def shorten"),
    (textwrap, "def _wrap_chunks"),
    (json, "def dumps"),
]


@pytest.mark.parametrize("style", Style)
def test_the_starter_writes_prose_into_true_skeletons(starter: Engine, style: Style) -> None:
    num_written = 0

    async def write(prefix: str, suffix: str) -> str:
        nonlocal num_written
        context = cursor_context(SourceText.of(prefix + suffix), len(prefix))
        text = run(starter, context.prefix, context.suffix, max_tokens=40, stop=("\n",)).text
        num_written += any(word in text for word in ("the", "The", "of"))
        return text

    for module, head in FUNCTIONS:
        text = emptied(Path(str(module.__file__)).read_text())
        work = document_definition(text, "python", text.index(head), style=style, write=write)
        changes = asyncio.run(work)
        assert isinstance(changes, tuple), changes
        result = apply_changes(text, changes)
        assert without_docstrings(result) == without_docstrings(text)
        check_parameters(result, head.removeprefix("def "), style)
    assert num_written > len(FUNCTIONS)
