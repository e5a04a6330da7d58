"""The Neovim plugin's chat, with a scripted server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.neovim_driver import STUB_SERVER, Editor, running, until

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


def test_an_earlier_conversation_goes_on(editor: Editor) -> None:
    editor.lua("vim.ui.select = function(items, _, done) done(items[1]) end")
    editor.keys(":Fimbria chats<CR>")
    wait_until_said(editor, "## You\n\nWhy?\n\n## Fimbria\n\nBecause.\n")
    editor.request("stub/release")
    editor.keys("how?<CR>")
    wait_until_said(editor, "x = 1")
    (question,) = editor.request("stub/seen")["questions"]
    assert question["conversation"] == "c0"
    editor.keys("<Esc>:Fimbria newchat<CR>")
    until(lambda: said(editor) == "", "an empty conversation")


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
