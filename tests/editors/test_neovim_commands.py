"""The Neovim plugin: its status, `:Fimbria`, the help."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, PLUGIN, Editor, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def test_the_status_line_while_the_model_loads(editor: Editor) -> None:
    editor.command("set laststatus=2 statusline=%{v:lua.require'fimbria'.status()}")

    def shows(text: str) -> None:
        until(lambda: editor.screen()[-2].strip() == text, f"the status {text!r} on the screen")

    shows("Fimbria")
    editor.request("stub/progress", kind="begin")
    shows("Fimbria 0/100")
    editor.request("stub/progress", kind="report", percentage=42)
    shows("Fimbria 42/100")
    editor.request("stub/progress", kind="end")
    shows("Fimbria")
    editor.type_command("Fimbria toggle")
    shows("Fimbria paused")
    editor.type_command("Fimbria toggle")
    shows("Fimbria")
    editor.command("set laststatus& statusline&")


def test_the_status_while_it_thinks(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar", "hold": True})
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    assert editor.status() == "Fimbria …"
    editor.request("stub/release")
    editor.wait_for_ghost("obar")
    assert editor.status() == "Fimbria"


def test_an_error_stays_in_the_status_until_something_works(editor: Editor) -> None:
    editor.request("stub/say", kind=1, text="Fimbria: the model is missing.")
    until(lambda: editor.status() == "Fimbria!", "the error")
    state = editor.lua("return require('fimbria.status').get()")
    assert state["message"] == "the model is missing."
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    assert editor.status() == "Fimbria"


def test_an_edit_that_is_made_ends_an_error(editor: Editor) -> None:
    editor.request("stub/say", kind=1, text="Fimbria: the model is missing.")
    until(lambda: editor.status() == "Fimbria!", "the error")
    editor.command("Fimbria edit faster")
    until(lambda: "# faster" in editor.lines(), "the edit")
    assert editor.status() == "Fimbria"


def test_messages_of_the_server_have_one_name_and_keep_their_levels(editor: Editor) -> None:
    editor.lua(
        "TOLD, NOTIFY = {}, vim.notify\n"
        "vim.notify = function(text, level) table.insert(TOLD, { text, level }) end"
    )
    for kind in (2, 3):
        editor.request("stub/say", kind=kind, text="Fimbria: nothing was changed.")
    editor.request("stub/say", kind=4, text="without a name")
    until(lambda: len(editor.lua("return TOLD")) == 3, "the messages")
    warn, info = editor.lua("return { vim.log.levels.WARN, vim.log.levels.INFO }")
    assert editor.lua("vim.notify = NOTIFY; return TOLD") == [
        ["Fimbria: nothing was changed.", warn],
        ["Fimbria: nothing was changed.", info],
        ["Fimbria: without a name", info],
    ]


def test_messages_of_the_server_are_kept_by_neovim(editor: Editor) -> None:
    editor.request("stub/say", kind=2, text="Fimbria: nothing was changed.")
    until(lambda: editor.messages().strip() == "Fimbria: nothing was changed.", "the message")


def test_no_status_where_there_is_no_server(editor: Editor) -> None:
    editor.command("new")
    assert editor.status() == ""
    editor.command("bwipeout!")


def test_commands_are_completed(editor: Editor) -> None:
    def completed(line: str) -> list[str]:
        return list(editor.lua("return vim.fn.getcompletion(..., 'cmdline')", line))

    assert "toggle" in completed("Fimbria ")
    assert completed("Fimbria sta") == ["status"]
    assert completed("Fimbria toggle b") == ["buffer"]
    assert completed("'<,'>Fimbria ex") == ["explain"]


def test_a_misspelt_command_is_told(editor: Editor) -> None:
    editor.keys(":Fimbria togle<CR>")
    until(lambda: "no `:Fimbria togle`. Perhaps `toggle`?" in editor.messages(), "the message")


def test_a_command_like_no_other_is_told_in_one_line(editor: Editor) -> None:
    editor.keys(":Fimbria xyzzy<CR>")
    message = "Fimbria: no `:Fimbria xyzzy`. <Tab> lists what there is."
    until(lambda: editor.messages().strip() == message, "the message")


def test_the_log_is_opened_at_its_end(editor: Editor, tmp_path: Path) -> None:
    log = tmp_path / "of the server.log"
    log.write_text("first\n" * 50 + "last\n")
    editor.lua("vim.env.FIMBRIA_LOG_FILE = ...", str(log))
    editor.command("silent Fimbria log")
    assert editor.lua("return vim.api.nvim_get_current_line()") == "last"
    editor.command("bwipeout!")
    editor.lua("vim.env.FIMBRIA_LOG_FILE = nil")


def test_every_command_is_in_the_help(editor: Editor) -> None:
    text = (PLUGIN / "doc" / "fimbria.txt").read_text(encoding="utf-8")
    commands = editor.lua("return require('fimbria.commands').about()")
    assert {name for name in commands if f"\n:Fimbria {name}" not in text} == set()


def test_every_option_is_in_the_help_with_its_default(editor: Editor) -> None:
    text = (PLUGIN / "doc" / "fimbria.txt").read_text(encoding="utf-8")
    shown = text.split("*fimbria-options*")[1].split("setup({\n")[1].split("\n    })\n")[0]
    code = shown.replace("'lua', ...", "'lua'")
    compared = """
        local shown = loadstring('return {' .. ... .. '}')()
        local defaults = require('fimbria.config').defaults()
        shown.filetypes, defaults.filetypes = nil, nil
        return { vim.inspect(shown), vim.inspect(defaults) }"""
    in_help, defaults = editor.lua(compared, code)
    assert in_help == defaults
    # Those without a default are there, too.
    assert "  cmd = nil,\n" in shown
    assert "    filetypes = nil,\n" in shown


def test_ghost_text_off_and_on_in_one_buffer(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.command("silent Fimbria toggle buffer")
    assert editor.status() == "Fimbria paused"
    assert editor.ghost() == ""
    editor.script(FOOBAR)
    editor.keys("<BS>o")
    editor.wait_for_lines("fo")
    assert editor.ghost() == ""
    editor.command("silent Fimbria toggle buffer")
    editor.wait_for_ghost("obar")
    assert editor.seen("asked") == ["fo"]


def test_why_there_is_no_ghost_text(editor: Editor, tmp_path: Path) -> None:
    def told(command: str) -> str:
        editor.command("messages clear")
        editor.type_command(command)
        return until(editor.messages, "the message").strip()

    assert told("Fimbria").startswith("Fimbria: ready")
    assert told("Fimbria toggle buffer") == "Fimbria: ghost text off: turned off in this buffer"
    assert told("Fimbria toggle") == "Fimbria: ghost text off: turned off everywhere"
    assert told("Fimbria toggle buffer") == "Fimbria: ghost text off: turned off everywhere"
    assert told("Fimbria toggle") == "Fimbria: ghost text on"
    editor.lua("require('fimbria.config').get().ghost.filetypes = { 'lua' }")
    assert told("Fimbria").startswith("Fimbria: paused: python is not among `ghost.filetypes`")
    editor.lua("require('fimbria.config').get().ghost.filetypes = nil")
    editor.command(f"edit {tmp_path / 'notes.md'}")
    assert told("Fimbria") == "Fimbria: off: markdown is not among `filetypes`"
    editor.command("bwipeout!")


def test_ghost_text_off_before_there_is_a_server(editor: Editor, tmp_path: Path) -> None:
    editor.lua("vim.cmd.edit(...) vim.cmd('silent Fimbria toggle buffer')", str(tmp_path / "b.py"))
    editor.wait_for_server()
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_lines("fo")
    assert editor.status() == "Fimbria paused"
    editor.command("silent Fimbria toggle buffer")
    editor.wait_for_ghost("obar")
    assert editor.seen("asked") == ["fo"]
    editor.keys("<Esc>")
    editor.command("bwipeout!")


def test_another_model_while_the_server_runs(editor: Editor) -> None:
    editor.type_command("Fimbria model large")
    until(lambda: editor.seen("settings") == [{"fimbria": {"model": "large"}}], "the setting")
