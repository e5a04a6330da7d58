"""The Neovim plugin: code actions by name, shown while they run, and stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import Editor, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


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
    editor.type_command("Fimbria fix")
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
    editor.type_command("Fimbria fix")
    until(lambda: "Fimbria: no diagnostic here" in editor.messages(), "the message")
    assert editor.lines() == ["one", "two"]


def test_an_action_while_the_server_starts(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text("one\n")
    editor.lua("vim.cmd.edit(...) vim.cmd('Fimbria simplify')", str(tmp_path / "new.py"))
    editor.wait_for_lines("# refactor.rewrite.simplify: 0", "one")
    editor.command("bwipeout!")


def test_an_action_where_fimbria_is_not_at_work(editor: Editor) -> None:
    editor.command("new")
    editor.type_command("Fimbria simplify")
    until(lambda: "Fimbria: not at work in this file" in editor.messages(), "the message")
    editor.command("bwipeout!")


def shown_work(editor: Editor) -> str:
    return editor.screen()[-1].strip()


@pytest.mark.parametrize("keys", [":Fimbria cancel<CR>", "<C-c>"])
def test_a_running_action_is_shown_and_can_be_stopped(editor: Editor, keys: str) -> None:
    editor.request("stub/work", title="Fix: one is odd", message="return 1")
    line = "Fimbria: Fix: one is odd  return 1"
    until(lambda: shown_work(editor) == line, "what runs, on the screen")
    assert editor.status() == "Fimbria …"
    assert editor.lua("return require('fimbria.status').get()")["state"] == "working"
    editor.keys(keys)
    until(lambda: editor.seen("heard"), "the cancel")
    assert editor.seen("heard") == [["cancelled", {"token": "fimbria-work-1"}]]
    until(lambda: editor.status() == "Fimbria", "the end")
    until(lambda: line not in shown_work(editor), "an empty line")
    until(lambda: not has_stop_key(editor), "a key of the user's own again")


def has_stop_key(editor: Editor) -> bool:
    return bool(editor.lua("return vim.fn.maparg('<C-c>', 'n') ~= ''"))


def test_a_key_of_the_users_own_stays_while_an_action_runs(editor: Editor) -> None:
    editor.command("nnoremap <C-c> :let g:own = 1<CR>")
    editor.request("stub/work", title="Fix: it", message="x")
    until(lambda: editor.status() == "Fimbria …", "the work")
    editor.keys("<C-c>")
    until(lambda: editor.lua("return vim.g.own") == 1, "the user's mapping")
    assert editor.seen("heard") == []
    editor.command("nunmap <C-c>")
    editor.type_command("Fimbria cancel")
    until(lambda: editor.status() == "Fimbria", "the end")


def test_nothing_to_cancel(editor: Editor) -> None:
    editor.type_command("Fimbria cancel")
    until(lambda: "Fimbria: nothing is running" in editor.messages(), "the message")


def test_what_a_stopped_server_says_is_read(editor: Editor) -> None:
    editor.request("stub/work", title="Fix: it", message="x")
    until(lambda: editor.status() == "Fimbria …", "the work")
    editor.type_command("Fimbria stop")
    until(lambda: "Fix: it: stopped, because" in editor.messages(), "the message")
    until(lambda: editor.status() == "", "the end")
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
