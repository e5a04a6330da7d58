"""Neovim's chat and code actions with the real server and an engine that says what it is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.neovim_driver import Editor, running, until
from tests.editors.vscode_chat_engine import ChatEngine, chat_engine

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

CODE = "def unique(items):\n    return items\n\n\nprint(unique([1, 1]))\n"
ANSWER = (
    "Keep the first of each:\n\n"
    "```python\ndef unique(items):\n    return list(dict.fromkeys(items))\n```\n\nThat is all.\n"
)


@pytest.fixture
def engine() -> Iterator[ChatEngine]:
    with chat_engine() as running_engine:
        running_engine.answer = ANSWER
        yield running_engine


@pytest.fixture
def editor(neovim_program: Path, tmp_path: Path, engine: ChatEngine) -> Iterator[Editor]:
    """A Neovim with a file of one function."""
    (tmp_path / "code.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "run").mkdir()
    environment = {
        "FIMBRIA_RUNTIME_DIR": str(tmp_path / "run"),
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_CHAT_ENDPOINT": engine.url,
        "FIMBRIA_KEEP_CONVERSATIONS": "false",
        "FIMBRIA_WARM_UP": "false",
    }
    server = [sys.executable, "-m", "lsp_server"]
    with running(
        neovim_program, tmp_path, server=server, environment=environment, size=(140, 24)
    ) as editor:
        editor.open(tmp_path / "code.py")
        yield editor


def text_of(editor: Editor, buffer: str) -> str:
    code = f"""
        local buffer = {buffer}
        return buffer and vim.api.nvim_buf_get_lines(buffer, 0, -1, true) or {{}}"""
    return "\n".join(editor.lua(code))


def said(editor: Editor) -> str:
    return text_of(editor, "require('fimbria.chat_view').buffer()")


def file_text(editor: Editor) -> str:
    return text_of(editor, "vim.fn.bufnr('code.py')")


def test_asked_answered_and_applied(editor: Editor, engine: ChatEngine) -> None:
    editor.keys(":Fimbria chat why twice?<CR>")
    until(lambda: "That is all." in said(editor), "the answer")
    assert "def unique(items):\n    return items" in engine.asked[0]
    editor.keys("<Esc><C-w>kga")
    applied = CODE.replace("return items", "return list(dict.fromkeys(items))")
    until(lambda: file_text(editor) == applied.rstrip("\n"), "the code in its place")
    editor.keys("<C-w>hu")
    until(lambda: file_text(editor) == CODE.rstrip("\n"), "the file as it was")


def test_stopped(editor: Editor, engine: ChatEngine) -> None:
    engine.hold = True
    editor.keys(":Fimbria chat why twice?<CR>")
    until(lambda: "Keep the first of each:" in said(editor), "the answer's first line")
    editor.keys("<C-c>")
    assert engine.hung_up.wait(60)
    engine.hold = False
    editor.keys("and now?<CR>")
    until(lambda: "That is all." in said(editor), "the next answer")


def test_an_explanation_opens(editor: Editor, engine: ChatEngine) -> None:
    engine.answer = "It returns what it is given.\n"
    editor.command("Fimbria explain")
    shown = "It returns what it is given."
    until(lambda: shown in "\n".join(editor.screen()), "the explanation on the screen")
    assert editor.lines() == CODE.splitlines()


def test_an_edit_with_an_instruction(editor: Editor) -> None:
    editor.command("1,2Fimbria edit no duplicates")
    until(lambda: "dict.fromkeys" in file_text(editor), "the edit")
    assert file_text(editor).endswith("print(unique([1, 1]))")
