"""The Neovim plugin: its status, `:Fimbria`, code actions by name, the help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, PLUGIN, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def status(editor: Editor) -> str:
    return str(editor.lua("return require('fimbria').status()"))


def type_command(editor: Editor, command: str) -> None:
    """As a person does: what it says is read before the next one is typed."""
    editor.keys(f":{command}<CR>")
    until(lambda: editor.lua("return vim.fn.histget(':')") == command, "the command")


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
    type_command(editor, "Fimbria toggle")
    shows("Fimbria paused")
    type_command(editor, "Fimbria toggle")
    shows("Fimbria")
    editor.command("set laststatus& statusline&")


def test_the_status_while_it_thinks(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar", "hold": True})
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    assert status(editor) == "Fimbria …"
    editor.request("stub/release")
    editor.wait_for_ghost("obar")
    assert status(editor) == "Fimbria"


def test_an_error_stays_in_the_status_until_something_works(editor: Editor) -> None:
    editor.request("stub/say", kind=1, text="Fimbria: the model is missing.")
    until(lambda: status(editor) == "Fimbria!", "the error")
    state = editor.lua("return require('fimbria.status').get()")
    assert state["message"] == "the model is missing."
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    assert status(editor) == "Fimbria"


def test_no_status_where_there_is_no_server(editor: Editor) -> None:
    editor.command("new")
    assert status(editor) == ""
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
    assert status(editor) == "Fimbria paused"
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
        type_command(editor, command)
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
    assert status(editor) == "Fimbria paused"
    editor.command("silent Fimbria toggle buffer")
    editor.wait_for_ghost("obar")
    assert editor.seen("asked") == ["fo"]
    editor.keys("<Esc>")
    editor.command("bwipeout!")


def test_another_model_while_the_server_runs(editor: Editor) -> None:
    type_command(editor, "Fimbria model large")
    until(lambda: editor.seen("settings") == [{"fimbria": {"model": "large"}}], "the setting")


def test_code_actions_by_name(editor: Editor) -> None:
    editor.keys("ione<CR>two<CR>three<Esc>")
    editor.wait_for_lines("one", "two", "three")
    editor.command("2Fimbria simplify")
    editor.wait_for_lines("one", "# refactor.rewrite.simplify: 1", "two", "three")
    editor.command("1,3Fimbria explain")
    until(lambda: editor.lines()[0] == "# fimbria.explain: 2", "the second action")


def report(editor: Editor, row: int, message: str) -> None:
    """As a linter does."""
    editor.lua(
        """
        local row, message = ...
        local space = vim.api.nvim_create_namespace('linter')
        vim.diagnostic.set(space, 0, { { lnum = row, col = 0, end_col = 3, message = message } })
        """,
        row,
        message,
    )


def test_an_action_that_arrives_while_somebody_types_is_undone_alone(editor: Editor) -> None:
    editor.script({"after": "never", "text": None, "hold": True})
    editor.keys("ione<Esc>")
    editor.wait_for_lines("one")
    editor.command("Fimbria simplify")
    editor.keys("A two")
    editor.wait_for_lines("one two")
    editor.request("stub/release")
    editor.wait_for_lines("# refactor.rewrite.simplify: 0", "one two")
    editor.keys(" three<Esc>")
    editor.wait_for_lines("# refactor.rewrite.simplify: 0", "one two three")
    editor.keys("u")
    editor.wait_for_lines("# refactor.rewrite.simplify: 0", "one two")
    editor.keys("u")
    editor.wait_for_lines("one two")


def test_code_actions_see_what_others_report(editor: Editor) -> None:
    editor.keys("ione<Esc>")
    report(editor, row=0, message="one is odd")
    editor.command("Fimbria fix")
    editor.wait_for_lines("# quickfix: 0", "one")
    assert editor.seen("reported") == ["one is odd"]


def test_actions_in_a_buffer_without_a_name(editor: Editor) -> None:
    """Neovim would apply their edits to another, hidden buffer."""
    editor.command("enew | setfiletype python")
    editor.wait_for_server()
    editor.keys("ione<CR>two<Esc>")
    editor.wait_for_lines("one", "two")
    report(editor, row=1, message="two is odd")
    type_command(editor, "Fimbria fix")
    until(lambda: "Fimbria: save this buffer under a name first" in editor.messages(), "the reason")
    reported = editor.lua(
        """
        local client = vim.lsp.get_clients({ bufnr = 0, name = 'fimbria' })[1]
        local params = vim.lsp.util.make_range_params(0, 'utf-8')
        params.context = { diagnostics = {} }
        client:request_sync('textDocument/codeAction', params, 60000, 0)
        local seen = client:request_sync('stub/seen', { _ = 0 }, 60000, 0)
        client:stop()
        return seen.result.reported
        """
    )
    assert reported == ["two is odd"]
    editor.command("bwipeout!")


def test_a_fix_where_nothing_is_reported(editor: Editor) -> None:
    editor.keys("ione<CR>two<Esc>")
    editor.wait_for_lines("one", "two")
    report(editor, row=0, message="one is odd")
    type_command(editor, "Fimbria fix")
    until(lambda: "Fimbria: no diagnostic here" in editor.messages(), "the message")
    assert editor.lines() == ["one", "two"]


def test_an_action_while_the_server_starts(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text("one\n")
    editor.lua("vim.cmd.edit(...) vim.cmd('Fimbria simplify')", str(tmp_path / "new.py"))
    editor.wait_for_lines("# refactor.rewrite.simplify: 0", "one")
    editor.command("bwipeout!")


def test_an_action_where_fimbria_is_not_at_work(editor: Editor) -> None:
    editor.command("new")
    type_command(editor, "Fimbria simplify")
    until(lambda: "Fimbria: not at work in this file" in editor.messages(), "the message")
    editor.command("bwipeout!")


def shown_work(editor: Editor) -> str:
    return editor.screen()[-1].strip()


@pytest.mark.parametrize("keys", [":Fimbria cancel<CR>", "<C-c>"])
def test_a_running_action_is_shown_and_can_be_stopped(editor: Editor, keys: str) -> None:
    editor.request("stub/work", title="Fix: one is odd", message="return 1")
    line = "Fimbria: Fix: one is odd  return 1"
    until(lambda: shown_work(editor) == line, "what runs, on the screen")
    assert status(editor) == "Fimbria …"
    assert editor.lua("return require('fimbria.status').get()")["state"] == "working"
    editor.keys(keys)
    until(lambda: editor.seen("heard"), "the cancel")
    assert editor.seen("heard") == [["cancelled", {"token": "fimbria-work-1"}]]
    until(lambda: status(editor) == "Fimbria", "the end")
    until(lambda: line not in shown_work(editor), "an empty line")
    until(lambda: not has_stop_key(editor), "a key of the user's own again")


def has_stop_key(editor: Editor) -> bool:
    return bool(editor.lua("return vim.fn.maparg('<C-c>', 'n') ~= ''"))


def test_a_key_of_the_users_own_stays_while_an_action_runs(editor: Editor) -> None:
    editor.command("nnoremap <C-c> :let g:own = 1<CR>")
    editor.request("stub/work", title="Fix: it", message="x")
    until(lambda: status(editor) == "Fimbria …", "the work")
    editor.keys("<C-c>")
    until(lambda: editor.lua("return vim.g.own") == 1, "the user's mapping")
    assert editor.seen("heard") == []
    editor.command("nunmap <C-c>")
    type_command(editor, "Fimbria cancel")
    until(lambda: status(editor) == "Fimbria", "the end")


def test_nothing_to_cancel(editor: Editor) -> None:
    type_command(editor, "Fimbria cancel")
    until(lambda: "Fimbria: nothing is running" in editor.messages(), "the message")


def test_what_a_stopped_server_says_is_read(editor: Editor) -> None:
    editor.request("stub/work", title="Fix: it", message="x")
    until(lambda: status(editor) == "Fimbria …", "the work")
    type_command(editor, "Fimbria stop")
    until(lambda: "Fix: it: stopped, because" in editor.messages(), "the message")
    until(lambda: status(editor) == "", "the end")
    editor.command("Fimbria restart")
    editor.wait_for_server()


def test_an_edit_with_an_instruction(editor: Editor) -> None:
    editor.keys("ione<CR>two<CR>three<Esc>")
    editor.wait_for_lines("one", "two", "three")
    editor.command("2,3Fimbria edit use one line")
    (instruction,) = until(lambda: editor.seen("instructions"), "the instruction")
    assert instruction["instruction"] == "use one line"
    start, end = instruction["range"]["start"], instruction["range"]["end"]
    assert (start["line"], end["line"], end["character"]) == (1, 2, 5)


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
