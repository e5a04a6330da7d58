"""The Neovim plugin's options: what is wrong with them is told, and others hold at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.editors.neovim_driver import FOOBAR, PLUGIN, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

WIDE = (250, 20)
"""Columns and rows: a message that does not fit would wait for a key."""


def set_up(editor: Editor, **options: object) -> None:
    editor.lua("require('fimbria').setup(...)", options)


def problems(editor: Editor, options: Mapping[str, object]) -> list[str]:
    """What is said about options that nobody takes."""
    code = """
        local config = require('fimbria.config')
        local problems = config.set(...)
        config.set({ cmd = vim.g.fimbria.cmd })
        return problems"""
    return list(editor.lua(code, options))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"gost": {}}, "there is no option `gost` (perhaps `ghost`?)"),
        (
            {"ghost": {"hide_wth_menu": True}},
            "there is no option `ghost.hide_wth_menu` (perhaps `ghost.hide_with_menu`?)",
        ),
        ({"filetypes": "c"}, "`filetypes` has to be a list of strings"),
        ({"filetypes": {"c": True}}, "`filetypes` has to be a list of strings"),
        ({"root_markers": [1]}, "`root_markers` has to be a list of strings"),
        ({"cmd": {"a": 1}}, "`cmd` has to be a string or a list of strings"),
        ({"cmd": []}, "`cmd` has to be a string or a list of strings"),
        ({"server": True}, "`server` has to be a table"),
        ({"ghost": {"enabled": "yes"}}, "`ghost.enabled` has to be a boolean or a function"),
        ({"keymaps": True}, "`keymaps` has to be a table or false"),
        ({"keymaps": {"accept": True}}, "`keymaps.accept` has to be a string or false"),
    ],
)
def test_an_option_that_makes_no_sense_is_told(
    editor: Editor, options: dict[str, Any], problem: str
) -> None:
    assert problems(editor, options) == [problem]


@pytest.mark.parametrize(
    "options",
    [
        {"keymaps": False},
        {"keymaps": {"accept": False, "next": "<C-n>"}},
        {"ghost": {"enabled": False, "filetypes": ["c"], "hide_with_menu": True}},
        {"cmd": "fimbria", "filetypes": ["c"], "root_markers": [".hg"], "server": {"model": "x"}},
        {"cmd": ["python", "-m", "lsp_server"]},
    ],
)
def test_an_option_that_makes_sense_is_taken(editor: Editor, options: dict[str, Any]) -> None:
    assert problems(editor, options) == []


@pytest.mark.parametrize("keymaps", [True, {"accept": True}])
def test_keys_that_make_no_sense_leave_the_usual_ones(
    neovim_program: Path, tmp_path: Path, keymaps: object
) -> None:
    options = {"keymaps": keymaps}
    with running(
        neovim_program, tmp_path, server=STUB_SERVER, options=options, size=WIDE
    ) as editor:
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.keys("<Tab>")
        editor.wait_for_lines("foobar")


def test_a_function_of_the_users_that_fails_is_told_once(editor: Editor) -> None:
    editor.lua(
        "TOLD, NOTIFY = {}, vim.notify; vim.notify = function(text) table.insert(TOLD, text) end"
    )
    editor.lua(
        "require('fimbria').setup({ ghost = { enabled = function() error('mine', 0) end } })"
    )
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("o")
    editor.wait_for_ghost("bar")
    editor.keys("<Esc>")
    assert editor.lua("vim.notify = NOTIFY; return TOLD") == [
        "Fimbria: `ghost.enabled` fails, ghost text stays on: mine"
    ]
    set_up(editor)


def test_other_settings_of_the_server_while_it_runs(editor: Editor) -> None:
    set_up(editor, server={"max_tokens": 9, "model": "large"})
    both = {"fimbria": {"max_tokens": 9, "model": "large"}}
    until(lambda: editor.seen("settings") == [both], "the settings")
    editor.command("silent Fimbria model small")
    # The server goes back to what it was started with where a setting is missing.
    small = {"fimbria": {"max_tokens": 9, "model": "small"}}
    until(lambda: editor.seen("settings") == [both, small], "the other model, and the rest")
    set_up(editor, server={"max_tokens": 9, "model": "small"})
    assert editor.seen("settings") == [both, small]
    assert editor.lua("return #vim.lsp.get_clients()") == 1
    set_up(editor)
    until(lambda: editor.seen("settings") == [both, small, {"fimbria": {}}], "that none are set")


def test_a_server_that_is_started_later_knows_the_settings(editor: Editor, tmp_path: Path) -> None:
    editor.command("silent Fimbria model large")
    (tmp_path / "other" / ".git").mkdir(parents=True)
    editor.open(tmp_path / "other" / "code.py")
    code = """
        local client = vim.lsp.get_clients({ bufnr = 0, name = 'fimbria' })[1]
        local options = client:request_sync('stub/seen', { _ = 0 }, 60000, 0).result.options
        client:stop()
        return options"""
    assert editor.lua(code) == {"fimbria": {"model": "large"}}
    editor.command("bwipeout!")
    set_up(editor)


def test_other_keys_and_ghost_text_while_it_runs(editor: Editor) -> None:
    set_up(editor, keymaps={"accept": "<C-y>"})
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<C-y>")
    editor.wait_for_lines("foobar")
    editor.keys("<Esc>")
    set_up(editor, ghost={"enabled": False})
    editor.keys("ccfo")
    editor.wait_for_lines("fo")
    assert editor.lua("return require('fimbria.ghost').is_on(0)") is False
    set_up(editor)
    editor.wait_for_ghost("obar")


def test_other_filetypes_while_it_runs(editor: Editor, tmp_path: Path) -> None:
    set_up(editor, filetypes=["text"])
    editor.open(tmp_path / "notes.txt")
    editor.command("bwipeout!")
    set_up(editor)
    editor.command(f"edit {tmp_path / 'code.py'}")
    editor.wait_for_server()


def test_what_the_user_sets_for_the_client_stands_beside_ours(
    neovim_program: Path, tmp_path: Path
) -> None:
    """As `:help lsp-config` says to, and nothing of the plugin is lost."""
    setup = """
        HEARD = {}
        local function heard(what) return function() HEARD[what] = true end end
        vim.lsp.config('fimbria', {
          on_attach = heard('on_attach'),
          on_init = heard('on_init'),
          on_exit = heard('on_exit'),
          before_init = heard('before_init'),
          init_options = { fimbria = { max_tokens = 7 } },
          handlers = {
            ['$/progress'] = heard('progress'),
            ['window/showMessage'] = heard('message'),
          },
        })"""
    options = {"server": {"model": "m"}}
    with running(
        neovim_program, tmp_path, server=STUB_SERVER, options=options, setup=setup, size=WIDE
    ) as editor:
        editor.open(tmp_path / "code.py")
        assert editor.seen("options") == {"fimbria": {"model": "m", "max_tokens": 7}}
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.keys("<Esc>")
        editor.request("stub/progress", kind="begin")
        editor.request("stub/say", kind=1, text="Fimbria: the model is missing.")
        status = "return require('fimbria').status()"
        until(lambda: editor.lua(status) == "Fimbria!", "the error in the status")
        editor.command("Fimbria chat how?")
        until(lambda: any("Like this:" in row for row in editor.screen()), "the chat's answer")
        editor.command("stopinsert | wincmd t")
        editor.lua("vim.lsp.get_clients({ name = 'fimbria' })[1]:notify('stub/crash', { _ = 0 })")
        until(lambda: editor.lua("return HEARD.on_exit"), "the end")
        heard = editor.lua("return HEARD")
        assert set(heard) == {
            *("on_attach", "on_init", "on_exit", "before_init", "progress", "message")
        }
        is_back = "return #vim.lsp.get_clients({ name = 'fimbria' }) > 0"
        until(lambda: editor.lua(is_back), "another start")


def test_a_command_of_the_users_own_for_the_client(neovim_program: Path, tmp_path: Path) -> None:
    setup = f"""
        vim.lsp.config('fimbria', {{ cmd = {{ '{STUB_SERVER[0]}', '{STUB_SERVER[1]}' }} }})"""
    options = {"cmd": "/no/such/program"}
    with running(
        neovim_program, tmp_path, server=None, options=options, setup=setup, size=WIDE
    ) as editor:
        editor.open(tmp_path / "code.py")
        before = editor.lua("return vim.lsp.get_clients()[1].id")
        editor.command("Fimbria restart")
        code = "local client = vim.lsp.get_clients({ bufnr = 0 })[1]; return client and client.id"
        until(lambda: editor.lua(code) not in (None, before), "another client")
        editor.wait_for_server()
        editor.command("Fimbria stop")
        until(lambda: editor.lua("return #vim.lsp.get_clients()") == 0, "the end")


def test_options_and_server_settings_by_setup(neovim_program: Path, tmp_path: Path) -> None:
    setup = f"""
        vim.opt.runtimepath:prepend('{PLUGIN}')
        require('fimbria').setup({{ filetypes = {{ 'text' }}, server = {{ max_tokens = 7 }} }})"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.open(tmp_path / "notes.txt")
        assert editor.seen("options") == {"fimbria": {"max_tokens": 7}}
        editor.command(f"edit {tmp_path / 'code.py'}")
        assert editor.lua("return #vim.lsp.get_clients({ bufnr = 0 })") == 0
