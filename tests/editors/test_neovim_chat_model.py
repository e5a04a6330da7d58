"""Neovim's chat with the real server, a daemon and a tiny model with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.chatting import CHAT_MODEL, write_checkpoint
from tests.editors.conftest import run_fimbria
from tests.editors.neovim_driver import Editor, running, until
from tests.editors.test_neovim_chat_real import kept, said
from tests.editors.test_real_path import SERVER
from tests.lsp.test_chat_real import talkative

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A model that chats, and a daemon that ends with the test."""
    environment = {
        "FIMBRIA_RUNTIME_DIR": str(tmp_path / "r"),
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_MODEL": str(talkative(write_checkpoint(tmp_path, CHAT_MODEL))),
        "FIMBRIA_DEVICE": "cpu",
        "FIMBRIA_CHAT_MAX_TOKENS": "12",
    }
    yield environment
    run_fimbria(environment, "stop", "--all")


@pytest.fixture
def editor(neovim_program: Path, tmp_path: Path, environment: dict[str, str]) -> Iterator[Editor]:
    (tmp_path / "code.py").write_text("def half(n):\n    return n / 2\n", encoding="utf-8")
    with running(
        neovim_program, tmp_path, server=SERVER, environment=environment, size=(140, 24)
    ) as editor:
        editor.open(tmp_path / "code.py")
        yield editor


def last(editor: Editor) -> dict[str, Any]:
    """The newest question and its answer; without an ending while it is made."""
    turn: dict[str, Any] = editor.lua("return require('fimbria.chat_shown').last() or {}")
    return turn


def wait_for_answer(editor: Editor, question: str) -> str:
    """Random weights may say nothing but blanks, which is told; then they are asked again."""

    def is_there() -> bool:
        turn = last(editor)
        return turn.get("question") == question and bool(turn["ending"])

    until(is_there, f"the answer to {question!r}")
    while "empty" in last(editor)["ending"]:
        editor.command("Fimbria chat again")
        until(is_there, "another answer")
    return str(last(editor)["answer"])


def test_a_conversation_from_its_first_question_to_its_end(editor: Editor, tmp_path: Path) -> None:
    editor.keys(":Fimbria chat what?<CR>")
    first = wait_for_answer(editor, "what?")
    assert kept(editor) == [("what?", ["what?", first])]

    editor.command("Fimbria chat again")
    again = wait_for_answer(editor, "what?")
    assert kept(editor) == [("what?", ["what?", again])]
    editor.keys("and?<CR>")
    wait_for_answer(editor, "and?")
    editor.keys("<Esc><C-w>kggcc<C-u>why?<CR>")
    why = wait_for_answer(editor, "why?")
    assert kept(editor) == [("what?", ["why?", why])]

    editor.keys("<Esc><C-w>kR<C-u>Halves<CR>")
    until(lambda: kept(editor) == [("Halves", ["why?", why])], "the name")
    folder = tmp_path / "data" / "fimbria" / "conversations"
    assert len(list(folder.glob("*.jsonl"))) == 1
    editor.keys("Dd")
    until(lambda: said(editor) == "", "an empty conversation")
    assert kept(editor) == []
    assert list(folder.glob("*.jsonl")) == []
