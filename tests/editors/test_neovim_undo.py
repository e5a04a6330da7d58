"""Undo and repeat in Neovim: what was accepted, and what a server edits while somebody types."""

from __future__ import annotations

import pytest

from tests.editors.neovim_driver import FOOBAR, NO_ANSWER, Editor

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def test_undo_takes_back_the_accepted_text_alone(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar\nbaz"})
    editor.keys("ifo")
    editor.wait_for_ghost("obar\nbaz")
    editor.keys("<Tab>")
    editor.wait_for_lines("foobar", "baz")
    editor.keys("<Esc>u")
    editor.wait_for_lines("fo")
    editor.keys("u")
    editor.wait_for_lines("")


def test_each_accepted_part_is_an_undo_step(editor: Editor) -> None:
    editor.script({"after": "x", "text": " = foo"}, NO_ANSWER)
    editor.keys("ix")
    editor.wait_for_ghost(" = foo")
    editor.keys("<C-Right><Tab>()<Esc>")
    editor.wait_for_lines("x = foo()")
    for lines in ["x = foo", "x =", "x", ""]:
        editor.keys("u")
        editor.wait_for_lines(lines)


def test_what_the_server_edits_while_somebody_types_is_undone_alone(editor: Editor) -> None:
    editor.script({"after": "never", "text": None, "hold": True})
    editor.keys("ione<Esc>")
    editor.wait_for_lines("one")
    editor.command("Fimbria edit say it")
    editor.keys("A two")
    editor.wait_for_lines("one two")
    editor.request("stub/release")
    editor.wait_for_lines("# say it", "one two")
    editor.keys(" three<Esc>")
    editor.wait_for_lines("# say it", "one two three")
    for lines in [["# say it", "one two"], ["one two"], ["one"]]:
        editor.keys("u")
        editor.wait_for_lines(*lines)


def test_nobody_hears_of_an_option_that_does_not_change(editor: Editor) -> None:
    editor.lua(
        """
        HEARD = {}
        vim.api.nvim_create_autocmd('OptionSet', {
          callback = function(event) table.insert(HEARD, event.match) end,
        })
        """
    )
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<Tab>")
    editor.wait_for_lines("foobar")
    assert editor.lua("return HEARD") == []


def test_an_accepted_suggestion_is_repeated(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar(\n    1"}, {"after": "", "text": None})
    editor.keys("ix = fo")
    editor.wait_for_ghost("obar(\n    1")
    editor.keys("<Tab>)<CR><Esc>")
    editor.wait_for_lines("x = foobar(", "    1)", "")
    editor.script(NO_ANSWER)
    editor.keys(".")
    editor.wait_for_lines("x = foobar(", "    1)", "x = foobar(", "    1)", "")
    editor.keys("u")
    editor.wait_for_lines("x = foobar(", "    1)", "")


def test_a_suggestion_accepted_word_by_word_is_repeated(editor: Editor) -> None:
    editor.script({"after": "x", "text": " = foo + bar"}, NO_ANSWER)
    editor.keys("ix")
    editor.wait_for_ghost(" = foo + bar")
    editor.keys("<C-Right><C-Right>;<Esc>")
    editor.wait_for_lines("x = foo;")
    editor.keys("$2.")
    editor.wait_for_lines("x = foox = foo;x = foo;;")


def test_the_users_way_to_paste_is_no_matter(editor: Editor) -> None:
    editor.lua("PASTE = vim.paste; vim.paste = function() error('not here') end")
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<Tab>")
    editor.wait_for_lines("foobar")
    assert "not here" in editor.lua("return select(2, pcall(vim.paste))")
    editor.lua("vim.paste = PASTE")


def test_a_block_of_lines_gets_what_was_accepted(editor: Editor) -> None:
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, { 'a', 'b', 'c' })")
    editor.script(FOOBAR)
    editor.keys("gg0<C-v>jjIfo")
    editor.wait_for_ghost("obar")
    editor.keys("<Tab><Esc>")
    editor.wait_for_lines("foobara", "foobarb", "foobarc")
