"""A short use of Neovim, recorded for the fast tests, tests/lsp/test_editor_transcripts.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors import transcripts
from tests.editors.neovim_driver import Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

CODE = transcripts.CODE + "\n\ndef half(n):\n    return n * 0.5\n"
RACING = {"textDocument/didChange", "$/cancelRequest"}
"""What is said as often as there was time for it; the first time counts."""


def test_what_is_said_meanwhile(neovim_program: Path, tmp_path: Path, update_golden: bool) -> None:
    """It is what was said when the transcript was made, but for what depends on time."""
    transcript = tmp_path / "transcript"
    file = tmp_path / "project" / "code.py"
    (tmp_path / "project" / ".git").mkdir(parents=True)
    file.write_text(CODE, encoding="utf-8")
    server = transcripts.recording(transcript, "neovim")
    with running(neovim_program, tmp_path, server=server, size=(120, 30)) as editor:
        editor.open(file)
        accept(editor, transcript)
        accept_a_word_and_dismiss_the_rest(editor)
        accept_another(editor)
        change_settings(editor)
        act(editor)
        edit(editor)
        talk(editor)
        editor.command("stopinsert | wall")
        until(lambda: file.read_text(encoding="utf-8") != CODE, "the saved file")
    if update_golden:
        transcripts.keep("neovim", transcript)
    now = list(comparable(transcripts.said_by_editor(transcript)))
    then = [message for by_editor, message in transcripts.read("neovim") if by_editor]
    assert now == list(comparable(then))


def comparable(messages: list[transcripts.Message]) -> Iterator[str]:
    """The methods and parameters, without what depends on time or on chance."""
    seen: set[str] = set()
    for message in messages:
        method = message.get("method", "")
        # When the server is done, it may be gone before it hears of the end.
        if method == "exit" or (method in RACING and method in seen):
            continue
        seen.add(method)
        without_id = {name: value for name, value in message.items() if name != "id"}
        yield transcripts.normalised(without_id)


def type_at(editor: Editor, row: int, line: str) -> None:
    """Have a line with a `.` behind it, so that one question is asked about it."""
    editor.keys("<Esc>")
    editor.wait_for_mode("n")
    editor.lua(
        """
        local row, line = ...
        vim.api.nvim_buf_set_lines(0, row, row + 1, true, { line })
        vim.api.nvim_win_set_cursor(0, { row + 1, 0 })
        """,
        row,
        line,
    )
    editor.keys("A.")
    editor.wait_for_ghost(transcripts.ANSWER)


def accept(editor: Editor, transcript: Path) -> None:
    type_at(editor, 2, "logger = logging")
    editor.keys("g")
    editor.wait_for_ghost(transcripts.ANSWER[1:])
    editor.keys("<Tab>")
    until(lambda: "suggestionAccepted" in transcript.read_text(), "the item's command")
    editor.wait_for_ghost(transcripts.ANSWER)
    assert editor.lines()[2] == f"logger = logging.{transcripts.ANSWER}"


def accept_a_word_and_dismiss_the_rest(editor: Editor) -> None:
    type_at(editor, 3, "x = logging")
    editor.keys("<C-Right>")
    editor.wait_for_ghost("(__name__)")
    editor.keys("<C-]>")
    editor.wait_for_ghost("")


def accept_another(editor: Editor) -> None:
    type_at(editor, 3, "y = logging")
    editor.keys("<M-]>")
    editor.wait_for_ghost(f"{transcripts.OTHER_ANSWER} (2/2)")
    editor.keys("<Tab>")
    editor.wait_for_ghost(transcripts.ANSWER)
    assert editor.lines()[3] == f"y = logging.{transcripts.OTHER_ANSWER}"


def change_settings(editor: Editor) -> None:
    editor.keys("<Esc>")
    editor.wait_for_mode("n")
    editor.lua("require('fimbria').setup({ server = { max_tokens = 32 } })")


def act(editor: Editor) -> None:
    editor.command("6,7Fimbria simplify")
    until(lambda: "    return n / 2" in editor.lines(), "the simplified function")


def edit(editor: Editor) -> None:
    editor.lua("vim.api.nvim_buf_set_lines(0, -2, -1, true, { '    return n * 0.5' })")
    editor.command("6,7Fimbria edit divide")
    until(lambda: "    return n / 2" in editor.lines(), "the edited function")


def talk(editor: Editor) -> None:
    editor.command("Fimbria chat why?")
    last = "return require('fimbria.chat_shown').last() or {}"
    until(lambda: editor.lua(last).get("ending"), "the answer")
    editor.command("Fimbria chat again")
    until(lambda: editor.lua(last).get("ending"), "the other answer")
