"""`--help` in a terminal of 80 columns: lines break where they are full."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from typer.main import get_command

from lsp_server.cli.app import make_app, run
from lsp_server.cli.help_text import unwrapped

WIDTH = 80


def command_lines(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
    """Every command, and those below it."""
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from command_lines(inner, *words, name)


@pytest.mark.parametrize(
    "words",
    [words for words in command_lines(get_command(make_app())) if words != ("lsp",)],
    ids=" ".join,
)
def test_no_line_of_running_text_ends_early(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("TERMINAL_WIDTH", str(WIDTH))
    assert run([*words, "--help"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    for line, following in pairwise(lines):
        assert not (line.startswith("   ") and _is_running(following)), (line, "is broken")
        if _is_running(line) and _is_running(following):
            first_word = following.split()[0]
            assert len(line) + 1 + len(first_word) > WIDTH - 2, (line, following)


def _is_running(line: str) -> bool:
    """Text that goes on in the next line: no box, no example, no heading."""
    return line[:1] == " " and line[1:2].strip() not in ("", "│") and line.strip() != "Examples"


def test_only_running_text_is_joined() -> None:
    text = "One\ntwo.\n\n[bold]Examples[/bold]\n  a\n  b\n\nThree\nfour."
    assert unwrapped(text) == "One two.\n\n[bold]Examples[/bold]\n  a\n  b\n\nThree four."
