"""The Neovim plugin: commands that wait for a server that is starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import STUB_SERVER, until
from tests.editors.neovim_program import Program, neovim, told

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def held_back(program: Program, folder: Path) -> Path:
    """Make a program a server that starts as soon as the file is there whose path this returns."""
    go = folder / "go"
    program.does(
        f"while [ ! -e {go} ]; do sleep 0.05; done", f"exec {STUB_SERVER[0]} {STUB_SERVER[1]}"
    )
    return go


def test_a_command_waits_for_a_server_that_is_slow(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    go = held_back(program, tmp_path)
    (tmp_path / "code.py").write_text("one\n")
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.command(f"edit {tmp_path / 'code.py'}")
        for _ in range(3):
            editor.command("Fimbria simplify")
        go.touch()
        editor.wait_for_lines("# refactor.rewrite.simplify: 0", "one")
        editor.wait_for_server()
        assert editor.lines() == ["# refactor.rewrite.simplify: 0", "one"]


def test_a_command_does_nothing_to_a_text_that_has_changed_since(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    go = held_back(program, tmp_path)
    (tmp_path / "code.py").write_text("one\n")
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.command(f"edit {tmp_path / 'code.py'}")
        editor.command("Fimbria simplify")
        editor.keys("onew<Esc>")
        editor.wait_for_lines("one", "new")
        go.touch()
        gone_on = "Fimbria: the server is there; say it again, since you have gone on"
        until(lambda: gone_on in told(editor), "the message")
        assert editor.lines() == ["one", "new"]


def test_a_command_does_not_wait_for_ever(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.does("exec sleep 60")
    (tmp_path / "code.py").write_text("one\n")
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.lua("require('fimbria.waiting').PATIENCE_MS = 20")
        editor.command(f"edit {tmp_path / 'code.py'}")
        editor.command("Fimbria simplify")
        until(lambda: any("no server came" in text for text in told(editor)), "the message")
        program.serves()
        editor.command("Fimbria restart")
        editor.wait_for_server()
        assert editor.lines() == ["one"]


def test_a_command_is_not_run_by_a_server_that_comes_much_later(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.does("exit 1")
    (tmp_path / "code.py").write_text("one\n")
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.lua(
            "vim.cmd.edit(...) vim.cmd('Fimbria simplify')",
            str(tmp_path / "code.py"),
        )
        until(lambda: any("does not start" in text for text in told(editor)), "the message")
        program.serves()
        editor.command("Fimbria restart")
        editor.wait_for_server()
        assert editor.request("stub/seen")["reported"] == []
        assert editor.lines() == ["one"]
