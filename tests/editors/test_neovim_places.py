"""The Neovim plugin in buffers, windows and terminals of every kind, and where it is turned off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, NO_ANSWER, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def test_turned_off_for_a_buffer(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.lua("require('fimbria').toggle(false, 0)")
    assert editor.ghost() == ""
    editor.keys("<Tab>y")
    editor.wait_for_lines("fo  y")


def test_a_paste_is_one_change(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("i")
    editor.wait_for_mode("i")
    editor.rpc.call("nvim_paste", "a\n\tb\nfo", True, -1)
    editor.wait_for_ghost("obar")
    assert set(editor.seen("asked")) <= {"", "fo"}


def test_under_another_name(editor: Editor, tmp_path: Path) -> None:
    editor.command(f"saveas {tmp_path / 'other.py'}")
    editor.wait_for_server()
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")


def test_in_a_floating_window(editor: Editor) -> None:
    editor.lua(
        """
        local place = { relative = 'editor', row = 2, col = 5, width = 30, height = 5 }
        vim.api.nvim_open_win(vim.api.nvim_get_current_buf(), true, place)
        """
    )
    editor.script({"after": "fo", "text": "obar\n  baz"}, NO_ANSWER)
    editor.keys("ifo")
    until(lambda: editor.screen()[3][5:35].rstrip() == "  baz", "ghost text in the window")
    editor.keys("<Tab><Esc>")
    editor.wait_for_lines("foobar", "  baz")
    editor.command("close")


def test_accepted_text_is_not_broken_into_lines(editor: Editor) -> None:
    editor.command("setlocal textwidth=10 formatoptions+=t")
    editor.script({"after": "fo", "text": "o bar baz qux quux"}, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_for_ghost("o bar baz qux quux")
    editor.keys("<Tab>")
    editor.wait_for_lines("foo bar baz qux quux")


def test_what_was_typed_while_the_server_started_gets_its_ghost(
    neovim_program: Path, tmp_path: Path
) -> None:
    server = [*STUB_SERVER, "--suggest", "obar"]
    with running(neovim_program, tmp_path, server=server) as editor:
        editor.command(f"edit {tmp_path / 'code.py'}")
        editor.keys("ifo")
        editor.wait_for_ghost("obar")


def test_ghost_text_has_a_colour_in_every_terminal(editor: Editor) -> None:
    def color(group: str) -> int | None:
        definition = "return vim.api.nvim_get_hl(0, { name = ..., link = false })"
        ctermfg: int | None = editor.lua(definition, group).get("ctermfg")
        return ctermfg

    editor.command("colorscheme default")
    assert color("FimbriaGhost") is not None
    assert color("ComplHint") is None, "other plugins use it, too"
    editor.command("colorscheme vim | highlight ComplHint ctermfg=42 | doautocmd ColorScheme")
    assert color("FimbriaGhost") == 42
    editor.command("highlight FimbriaGhost ctermfg=43 | doautocmd ColorScheme")
    assert color("FimbriaGhost") == 43
    editor.command("colorscheme default")
    editor.draw_ghost_apart()


def test_other_languages_by_configuration(neovim_program: Path, tmp_path: Path) -> None:
    setup = "vim.lsp.config('fimbria', { filetypes = { 'text', 'lua' } })"
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.open(tmp_path / "code.lua")
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")


def test_a_missing_server_is_told_once_where_it_would_be_used(
    neovim_program: Path, tmp_path: Path
) -> None:
    def edit(path: Path) -> None:
        editor.keys(f":edit {path}<CR>")
        until(lambda: editor.lua("return vim.fn.bufname()") == str(path), "the file")

    with running(neovim_program, tmp_path, server="/nowhere/fimbria", size=(180, 9)) as editor:
        edit(tmp_path / "text.txt")
        assert "Fimbria" not in editor.messages()
        edit(tmp_path / "code.py")
        message = "Fimbria: no program `/nowhere/fimbria`"
        until(lambda: editor.screen()[-1].startswith(message), "the message on the screen")
        edit(tmp_path / "more.py")
        assert editor.messages().count("Fimbria") == 1
        editor.keys("i<Tab>y")
        editor.wait_for_lines("    y")


def test_an_old_neovim_is_told(neovim_program: Path, tmp_path: Path) -> None:
    setup = """
        local has = vim.fn.has
        vim.fn.has = function(feature) return feature == 'nvim-0.11' and 0 or has(feature) end"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        assert "Fimbria needs Neovim 0.11 or newer" in editor.messages()
