"""The Neovim plugin: `:Fimbria model`, and the names that it offers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.editors.neovim_driver import STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


@contextmanager
def neovim_with_models(program: Path, home: Path, *listing: str) -> Iterator[Editor]:
    """Run Neovim with a `fimbria` whose list of models is made by these commands of a shell, and
    with what `vim.ui.select` and `vim.notify` are given kept.
    """
    file = home / "fimbria"
    serve = f"exec {STUB_SERVER[0]} {STUB_SERVER[1]}"
    lines = ["#!/bin/sh", '[ "$1" = models ] || ' + serve, *listing]
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o755)
    setup = """
        TOLD, CHOICES = {}, {}
        vim.notify = function(text) TOLD[#TOLD + 1] = text end
        vim.ui.select = function(items, _, on_choice)
          CHOICES[#CHOICES + 1] = items
          on_choice(items[2])
        end"""
    with running(program, home, server=[str(file)], setup=setup, size=(250, 16)) as editor:
        editor.open(home / "code.py")
        yield editor


TWO_MODELS = """echo '[{"name": "starter"}, {"name": "large"}]'"""


def test_a_model_is_chosen_from_a_list(neovim_program: Path, tmp_path: Path) -> None:
    with neovim_with_models(neovim_program, tmp_path, TWO_MODELS) as editor:
        editor.command("Fimbria model")
        until(lambda: editor.lua("return CHOICES") == [["starter", "large"]], "the question")
        until(lambda: editor.seen("settings") == [{"fimbria": {"model": "large"}}], "the setting")


def test_nobody_waits_for_the_list_of_models(neovim_program: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    until_told = f"while [ ! -e {go} ]; do sleep 0.05; done"
    with neovim_with_models(neovim_program, tmp_path, until_told, TWO_MODELS) as editor:

        def completed(line: str) -> list[str]:
            return list(editor.lua("return vim.fn.getcompletion(..., 'cmdline')", line))

        assert completed("Fimbria model ") == []
        editor.command("Fimbria model")
        editor.keys("ione")
        editor.wait_for_lines("one")
        assert editor.lua("return CHOICES") == []
        go.touch()
        until(lambda: completed("Fimbria model ") == ["starter", "large"], "the names")
        assert completed("Fimbria model l") == ["large"]


def test_why_there_is_no_list_of_models(neovim_program: Path, tmp_path: Path) -> None:
    commands = ("echo 'Error: no such folder' >&2", "exit 1")
    with neovim_with_models(neovim_program, tmp_path, *commands) as editor:
        editor.command("Fimbria model")
        why = "Fimbria: `fimbria models list` does not work: Error: no such folder"
        until(lambda: why in editor.lua("return TOLD"), "the reason")
        assert editor.lua("return CHOICES") == []
