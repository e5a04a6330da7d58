"""`:checkhealth fimbria`: what is there, what is missing, and what stands in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import PLUGIN, STUB_SERVER, Editor, running, until
from tests.editors.neovim_program import Program, neovim

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

WIDE = (250, 20)


def report(editor: Editor) -> str:
    """The report, in one line: Neovim breaks long ones."""
    editor.command("Fimbria health")
    text = until(lambda: " ".join(" ".join(editor.lines()).split()), "the report")
    editor.command("bwipeout!")
    return text


def test_what_is_there(editor: Editor) -> None:
    text = report(editor)
    assert f"{STUB_SERVER[0]} {STUB_SERVER[1]} (the option `cmd`)" in text
    assert "1 buffers" in text
    assert "<Tab>: accept" in text
    assert "OK :help |fimbria|" in text
    assert "draws ghost text, too" not in text
    assert "vim.lsp.config()" not in text


def test_ghost_text_of_others(editor: Editor) -> None:
    editor.lua(
        """
        package.loaded['blink.cmp'] = {}
        package.loaded['blink.cmp.config'] = { completion = { ghost_text = { enabled = true } } }
        package.loaded['cmp'] = {
          get_config = function() return { experimental = { ghost_text = {} } } end,
          visible = function() return false end,
        }
        package.loaded['supermaven-nvim'] = {}
        """
    )
    text = report(editor)
    for name in ("blink.cmp", "nvim-cmp", "supermaven-nvim"):
        assert f"{name} draws ghost text, too" in text
    editor.lua(
        "for _, name in ipairs({ 'blink.cmp', 'blink.cmp.config', 'cmp', 'supermaven-nvim' }) do "
        "package.loaded[name] = nil end"
    )


def test_a_server_that_was_left_off(neovim_program: Path, tmp_path: Path, program: Program) -> None:
    program.does("echo 'ImportError: no module named x' >&2", "exit 1")
    with neovim(neovim_program, tmp_path, program, "LONGEST_MS = 20") as editor:
        editor.command(f"silent edit {tmp_path / 'code.py'}")
        given_up = "return require('fimbria.restarts').has_given_up()"
        until(lambda: editor.lua(given_up), "no further start")
        text = report(editor)
        assert "left off: the server does not start (status 1: ImportError: no module" in text
        assert ":Fimbria restart tries again." in text
        assert "It starts with the first file" not in text


def test_a_command_of_the_users_own(neovim_program: Path, tmp_path: Path) -> None:
    setup = "vim.lsp.config('fimbria', { cmd = { 'mine', 'lsp' } })"
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup, size=WIDE) as editor:
        until(lambda: editor.lua("return vim.fn.exists(':Fimbria') == 2"), "the plugin")
        assert 'vim.lsp.config() names another `cmd`: { "mine", "lsp" }' in report(editor)


def test_a_projects_own_program_is_not_asked_for(neovim_program: Path, tmp_path: Path) -> None:
    """Who only wants to know what is there has not to decide about somebody's program."""
    program = tmp_path / "project" / ".venv" / "bin" / "fimbria"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "project" / ".fimbria.toml").touch()
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    setup = """
        ASKED = 0
        vim.secure.read = function() ASKED = ASKED + 1 end
        local program = require('fimbria.program')
        local places = program.places
        program.places = function(root)
          local function counts(place) return not place.what:find('checkout') end
          return vim.tbl_filter(counts, places(root))
        end"""
    with running(
        *(neovim_program, tmp_path), server=None, environment=environment, setup=setup, size=WIDE
    ) as editor:
        editor.command(f"cd {tmp_path / 'project'} | file notes.txt")
        text = report(editor)
        assert "no `fimbria` command" in text
        assert f"the project's .venv: {program}" in text
        assert editor.lua("return ASKED") == 0


def test_a_help_without_tags(neovim_program: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "doc").mkdir(parents=True)
    for name in ("lua", "plugin", "lsp"):
        (copy / name).symlink_to(PLUGIN / name)
    (copy / "doc" / "fimbria.txt").symlink_to(PLUGIN / "doc" / "fimbria.txt")
    setup = f"vim.opt.runtimepath:append('{copy}')"
    with running(
        *(neovim_program, tmp_path), server=STUB_SERVER, setup=setup, size=WIDE, plugin=False
    ) as editor:
        until(lambda: editor.lua("return vim.fn.exists(':Fimbria') == 2"), "the plugin")
        assert ":help |fimbria| does not find it" in report(editor)
