"""The Neovim plugin's chat, with a scripted server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.editors.neovim_driver import PLUGIN, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


@pytest.fixture
def editor(neovim_program: Path, tmp_path: Path) -> Iterator[Editor]:
    """A Neovim with a file of three lines."""
    (tmp_path / "code.py").write_text("one\ntwo\nthree\n")
    with running(neovim_program, tmp_path, server=STUB_SERVER, size=(140, 24)) as editor:
        editor.open(tmp_path / "code.py")
        yield editor


def said(editor: Editor) -> str:
    lines: list[str] = editor.lua(
        """
        local buffer = require('fimbria.chat_view').buffer()
        return buffer and vim.api.nvim_buf_get_lines(buffer, 0, -1, true) or {}
        """
    )
    return "\n".join(lines)


def wait_until_said(editor: Editor, text: str) -> None:
    until(lambda: text in said(editor), f"{text!r} in the chat")


def in_chat_window(editor: Editor, keys: str) -> None:
    """Press keys in normal mode where the conversation is shown."""
    editor.keys("<Esc><C-w>k" + keys)


def test_an_answer_is_streamed(editor: Editor) -> None:
    editor.command("Fimbria chat how?")
    wait_until_said(editor, "## You\n\nhow?\n\n## Fimbria\n\nLike this:\n\n```py")
    assert "x = 1" not in said(editor)
    until(lambda: any("Like this:" in row for row in editor.screen()), "the answer on the screen")
    editor.request("stub/release")
    wait_until_said(editor, "```python\nx = 1\n```\n")
    assert "all of it" not in said(editor)


def test_the_file_goes_with_the_first_question_and_a_selection_with_any(
    editor: Editor, tmp_path: Path
) -> None:
    uri = (tmp_path / "code.py").as_uri()
    editor.request("stub/release")
    editor.keys(":Fimbria chat<CR>")
    wait_until_said(editor, "> starter does not chat.")
    editor.keys("how?<CR>")
    wait_until_said(editor, "x = 1")
    editor.keys("and then?<CR>")
    until(lambda: said(editor).count("x = 1") == 2, "the second answer")
    editor.keys("<Esc><C-w>h:2,3Fimbria chat this?<CR>")
    until(lambda: said(editor).count("x = 1") == 3, "the third answer")
    questions = editor.request("stub/seen")["questions"]
    assert [question["message"] for question in questions] == ["how?", "and then?", "this?"]
    selection = {
        "uri": uri,
        "range": {"start": {"line": 1, "character": 0}, "end": {"line": 3, "character": 0}},
    }
    assert [question["references"] for question in questions] == [[{"uri": uri}], [], [selection]]
    assert questions[1]["conversation"] == "c1"


def test_an_answer_is_stopped(editor: Editor) -> None:
    editor.command("Fimbria chat how?")
    wait_until_said(editor, "```py")
    editor.keys("<C-c>")
    wait_until_said(editor, "```py …")
    editor.request("stub/release")
    editor.keys("again<CR>")
    wait_until_said(editor, "x = 1")


def test_a_code_block_is_yanked_and_applied(editor: Editor) -> None:
    editor.request("stub/release")
    editor.keys("j:Fimbria chat how?<CR>")
    wait_until_said(editor, "x = 1")
    in_chat_window(editor, "gy")
    until(lambda: editor.lua("return vim.fn.getreg('\"')") == "x = 1\n", "the code")
    editor.keys("gi")
    file = "return vim.api.nvim_buf_get_lines(vim.fn.bufnr('code.py'), 0, -1, true)"
    until(lambda: editor.lua(file) == ["one", "x = 1", "two", "three"], "the code at the cursor")
    editor.keys("ga")
    until(lambda: editor.lua(file)[0] == "x = 1", "the code in the file")


def test_no_code_block_is_told(editor: Editor) -> None:
    editor.keys(":Fimbria chat<CR>")
    wait_until_said(editor, "does not chat")
    in_chat_window(editor, "gy")
    until(lambda: "there is no code block here" in editor.messages(), "the message")


def choose_the_first(editor: Editor) -> None:
    editor.lua("vim.ui.select = function(items, _, done) done(items[1]) end")
    editor.keys(":Fimbria chat list<CR>")
    wait_until_said(editor, "## You\n\nWhy?\n\n## Fimbria\n\nBecause.\n")


def test_an_earlier_conversation_goes_on(editor: Editor) -> None:
    choose_the_first(editor)
    editor.request("stub/release")
    editor.keys("how?<CR>")
    wait_until_said(editor, "x = 1")
    (question,) = editor.request("stub/seen")["questions"]
    assert question["conversation"] == "c0"
    editor.keys("<Esc>:Fimbria chat new<CR>")
    until(lambda: said(editor) == "", "an empty conversation")


def waiting_screen(editor: Editor) -> list[str]:
    """The screen while Neovim waits for a key, and redraws nothing when it is told to."""
    assert editor.rpc.call("nvim_get_mode")
    return ["".join(cell.text for cell in row) for row in editor.rpc.screen.cells()]


def test_the_bar_names_the_conversation_and_the_key_that_tells_the_others(editor: Editor) -> None:
    editor.request("stub/release")
    editor.command("Fimbria chat how?")
    wait_until_said(editor, "x = 1")
    until(lambda: any("100% so" in row for row in editor.screen()), "the title on the screen")
    assert any("g? for keys" in row for row in editor.screen())


@pytest.mark.parametrize("leave", ["q", "<Esc>", "<C-w>w"])
def test_the_keys_are_told_in_a_window_that_closes(editor: Editor, leave: str) -> None:
    def are_told() -> bool:
        return any("D   delete the conversation" in row for row in editor.screen())

    editor.command("Fimbria chat how?")
    wait_until_said(editor, "Like this:")
    in_chat_window(editor, "g?")
    until(are_told, "the keys")
    editor.keys(leave)
    until(lambda: not are_told(), "the window closed")
    assert "Like this:" in said(editor)
    assert editor.lua("return #vim.api.nvim_list_wins()") == 3


def test_an_answer_ends_an_error(editor: Editor) -> None:
    editor.request("stub/say", kind=1, text="Fimbria: the model is missing.")
    until(lambda: editor.status() == "Fimbria!", "the error")
    editor.request("stub/release")
    editor.command("Fimbria chat how?")
    status = "return require('fimbria.status').get().state"
    until(lambda: editor.lua(status) != "error", "the error gone")


def test_a_conversation_gets_another_name(editor: Editor) -> None:
    choose_the_first(editor)
    in_chat_window(editor, "R")
    prompt = "name of the conversation: Halves"
    until(lambda: any(prompt in row for row in waiting_screen(editor)), "the question")
    editor.keys("<C-u>Thirds<CR>")
    until(lambda: any(" Thirds" in row for row in editor.screen()), "the name above the chat")
    assert editor.seen("renamed") == [{"conversation": "c0", "title": "Thirds"}]


def test_a_conversation_is_deleted_by_who_says_so(editor: Editor) -> None:
    choose_the_first(editor)
    in_chat_window(editor, "Dk")
    assert editor.seen("deleted") == []
    assert "Because." in said(editor)
    editor.keys("Dd")
    until(lambda: said(editor) == "", "an empty conversation")
    assert editor.seen("deleted") == [{"conversation": "c0"}]


def test_there_is_nothing_to_rename_or_ask_again_yet(editor: Editor) -> None:
    editor.command("Fimbria chat rename")
    assert "nothing was said in this conversation yet" in editor.messages()
    editor.command("Fimbria chat again")
    assert "nothing was asked yet" in editor.messages()


def test_a_question_of_one_word_and_a_command(editor: Editor) -> None:
    editor.request("stub/release")
    editor.command("Fimbria chat delete the first line")
    wait_until_said(editor, "x = 1")
    editor.keys("<Esc><C-w>h:2Fimbria chat again<CR>")
    until(lambda: said(editor).count("x = 1") == 2, "the second answer")
    questions = editor.seen("questions")
    assert [each["message"] for each in questions] == ["delete the first line", "again"]
    assert editor.lua("return vim.fn.getcompletion('Fimbria chat re', 'cmdline')") == ["rename"]
    assert editor.lua("return vim.fn.getcompletion('Fimbria chat how re', 'cmdline')") == []


def test_every_command_of_the_chat_is_in_the_help(editor: Editor) -> None:
    text = (PLUGIN / "doc" / "fimbria.txt").read_text(encoding="utf-8")
    names = editor.lua("return require('fimbria.chat_commands').names()")
    assert {name for name in names if f"\n:Fimbria chat {name}" not in text} == set()


def test_the_answer_is_yanked_and_the_conversation_written(editor: Editor, tmp_path: Path) -> None:
    choose_the_first(editor)
    in_chat_window(editor, "gY")
    until(lambda: editor.lua("return vim.fn.getreg('\"')") == "Because.\n", "the answer")
    editor.keys(f":write {tmp_path}/talk.md<CR>")
    until((tmp_path / "talk.md").exists, "the file")
    assert "Because." in (tmp_path / "talk.md").read_text()


def test_other_windows_keep_their_looks(editor: Editor, tmp_path: Path) -> None:
    editor.command("set number")
    choose_the_first(editor)
    in_chat_window(editor, "q")
    editor.command(f"edit {tmp_path / 'other.py'}")
    assert editor.lua("return { vim.o.number, vim.o.winbar }") == [True, ""]


def test_closed_and_opened_again(editor: Editor) -> None:
    editor.command("Fimbria chat how?")
    wait_until_said(editor, "```py")
    windows = "return #vim.api.nvim_list_wins()"
    assert editor.lua(windows) == 3
    in_chat_window(editor, "q")
    until(lambda: editor.lua(windows) == 1, "the windows closed")
    editor.command("Fimbria chat")
    assert editor.lua(windows) == 3
    assert "```py" in said(editor)


def has_answers(editor: Editor, count: int) -> bool:
    return said(editor).count("x = 1") == count


def test_the_chat_comes_back_after_its_buffers_were_wiped_out(editor: Editor) -> None:
    editor.request("stub/release")
    editor.command("Fimbria chat how?")
    wait_until_said(editor, "x = 1")
    for number, name in enumerate(["fimbria://chat-input", "fimbria://chat"], 2):
        editor.keys("<Esc>")
        editor.command(f"bwipeout! {name}")
        editor.command("Fimbria chat and then?")
        until(partial(has_answers, editor, number), "the answer")
        assert said(editor).startswith("\n## You\n\nhow?")
        assert editor.lua("return #vim.api.nvim_list_wins()") == 3


def test_a_question_is_asked_again_when_the_server_has_come_back(editor: Editor) -> None:
    editor.command("Fimbria chat how?")
    wait_until_said(editor, "```py")
    before = editor.lua("return vim.lsp.get_clients({ name = 'fimbria' })[1].id")
    # Neovim tells of the end in a long line, for which one would have to press a key.
    editor.command("set cmdheight=4")
    editor.lua("vim.lsp.get_clients({ name = 'fimbria' })[1]:notify('stub/crash', { _ = 0 })")
    wait_until_said(editor, "> the server has ended; ask again")
    is_back = """
        local client = vim.lsp.get_clients({ name = 'fimbria' })[1]
        return client and client.initialized and client.id > ..."""
    until(lambda: editor.lua(is_back, before), "another server")
    editor.request("stub/release")
    in_chat_window(editor, ".")
    wait_until_said(editor, "x = 1")
    assert "has ended" not in said(editor)
