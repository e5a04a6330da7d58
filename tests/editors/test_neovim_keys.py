"""The keys of the Neovim plugin: what they do where there is no ghost text, and other keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, STUB_SERVER, Editor, running

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def test_tab_jumps_in_a_snippet(editor: Editor) -> None:
    editor.keys("i")
    editor.lua("vim.snippet.expand('f(${1:a}, ${2:b})$0')")
    # One by one: Neovim selects a placeholder by keys that it types after those that wait.
    for key, mode in [("one", "i"), ("<Tab>", "s"), ("two", "i"), ("<Tab>", "i"), (";", "i")]:
        editor.keys(key)
        editor.wait_for_mode(mode)
    editor.wait_for_lines("f(one, two);")


def test_attaching_again_keeps_one_mapping(editor: Editor) -> None:
    editor.command("write | edit | runtime plugin/fimbria.lua")
    editor.wait_for_server()
    editor.keys("i<Tab>y")
    editor.wait_for_lines("    y")


FORMER_MAPPINGS = {
    "keys": "vim.keymap.set('i', '<Tab>', '>>')",
    "expression": "vim.keymap.set('i', '<Tab>', function() return '>><lt>' end, { expr = true })",
    "vimscript expression": "vim.cmd([[inoremap <expr> <Tab> repeat('>', 2)]])",
    "function": """
        vim.keymap.set('i', '<Tab>', function()
          vim.api.nvim_put({ '>>' }, 'c', false, true)
        end)""",
    "remapped": """
        vim.keymap.set('i', '<Plug>(x)', '>>')
        vim.keymap.set('i', '<Tab>', '<Plug>(x)', { remap = true })""",
    "buffer": """
        vim.keymap.set('i', '<Tab>', 'no')
        vim.api.nvim_create_autocmd('FileType', {
          once = true,
          callback = function() vim.keymap.set('i', '<Tab>', '>>', { buf = 0 }) end,
        })""",
}


@pytest.fixture(scope="module")
def mapped_editor(
    neovim_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Editor]:
    """A Neovim whose Tab the tests map anew."""
    home = tmp_path_factory.mktemp("mapped")
    with running(neovim_program, home, server=STUB_SERVER) as editor:
        yield editor


@pytest.mark.parametrize("kind", FORMER_MAPPINGS)
def test_tab_does_what_it_was_mapped_to(mapped_editor: Editor, tmp_path: Path, kind: str) -> None:
    editor = mapped_editor
    editor.lua(FORMER_MAPPINGS[kind])
    editor.open(tmp_path / "code.py")
    editor.script(FOOBAR)
    editor.keys("i<Tab>fo")
    editor.wait_for_ghost("obar")
    editor.keys("<Tab><Tab>!<Esc>")
    arrow = ">><" if kind == "expression" else ">>"
    editor.wait_for_lines(f"{arrow}foobar{arrow}!")
    editor.command("bwipeout!")


def test_another_key_accepts(neovim_program: Path, tmp_path: Path) -> None:
    options = {"keymaps": {"accept": "<C-y>"}}
    with running(neovim_program, tmp_path, server=STUB_SERVER, options=options) as editor:
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.keys("<C-y><Tab>!")
        editor.wait_for_lines("foobar  !")


@pytest.mark.parametrize(
    "mapping",
    [
        "vim.keymap.set('i', '<Tab>', '>>')",
        "vim.keymap.set('i', '<Tab>', '>>', { remap = true })",
        "vim.keymap.set('i', '<Tab>', function() vim.api.nvim_feedkeys('>>', 'in', true) end)",
    ],
    ids=["keys", "remapped", "function"],
)
def test_keys_that_arrive_together(mapped_editor: Editor, tmp_path: Path, mapping: str) -> None:
    editor = mapped_editor
    editor.lua(mapping)
    editor.open(tmp_path / "code.py")
    editor.script()
    editor.keys("i<Tab><Tab><Tab>!<Esc>")
    editor.wait_for_lines(">>>>>>!")
    editor.lua("vim.fn.setreg('q', vim.keycode('cc<Tab><Tab>!<Esc>'))")
    editor.keys("@q")
    editor.wait_for_lines(">>>>!")
    editor.command('execute "normal! cc" | execute "normal i\\<Tab>\\<Tab>!"')
    editor.wait_for_lines(">>>>!")
    editor.command("bwipeout!")


def test_a_mapping_that_may_come_down_to_the_key_itself(
    mapped_editor: Editor, tmp_path: Path
) -> None:
    """Vim does not map the first key of a mapping again, if it is the one that is mapped."""
    editor = mapped_editor
    editor.command("imap <expr> <Tab> col('.') < 5 ? '<Tab>x' : '>>'")
    editor.open(tmp_path / "code.py")
    editor.script()
    editor.keys("i<Tab><Tab>!<Esc>")
    editor.wait_for_lines("    x>>!")
    editor.command("bwipeout! | iunmap <Tab>")


def test_other_keys_while_neovim_runs(neovim_program: Path, tmp_path: Path) -> None:
    setup = """
        vim.api.nvim_create_autocmd('FileType', {
          callback = function() vim.keymap.set('i', '<Tab>', '>>', { buf = 0 }) end,
        })"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        for keys, lines in [("<C-y><Tab>!<Esc>", "foobar>>!"), ("<Tab><C-y>!<Esc>", "foobar!")]:
            accept = keys[: keys.index(">") + 1]
            editor.lua("require('fimbria').setup({ keymaps = { accept = ... } })", accept)
            editor.keys("ccfo")
            editor.wait_for_ghost("obar")
            editor.keys(keys)
            editor.wait_for_lines(lines)
        editor.lua("require('fimbria').setup({ keymaps = false })")
        editor.keys("cc<Tab>!<Esc>")
        editor.wait_for_lines(">>!")


def test_a_mapping_of_the_users_that_comes_back_with_the_file(
    neovim_program: Path, tmp_path: Path
) -> None:
    (tmp_path / "code.py").write_text("\n")
    setup = """
        vim.api.nvim_create_autocmd('FileType', {
          callback = function() vim.keymap.set('i', '<Tab>', '>>', { buf = 0 }) end,
        })"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.open(tmp_path / "code.py")
        editor.command("edit!")
        editor.wait_for_server()
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.keys("<Tab><Tab>!")
        editor.wait_for_lines("foobar>>!")


def test_ghost_text_in_a_snippet_comes_before_its_next_place(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("i")
    editor.lua("vim.snippet.expand('f(${1:a}, ${2:b})$0')")
    editor.keys("fo")
    editor.wait_for_ghost("obar")
    editor.keys("<Tab>")
    editor.wait_for_lines("f(foobar, b)")
    for key, mode in [("<Tab>", "s"), ("two", "i"), ("<Tab>", "i"), (";", "i")]:
        editor.keys(key)
        editor.wait_for_mode(mode)
    editor.wait_for_lines("f(foobar, two);")
