"""VS Code's chat with the real server, a daemon and a tiny model with random weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.chatting import CHAT_MODEL, write_checkpoint
from tests.editors.conftest import run_fimbria
from tests.editors.test_vscode_chat import HALF, ask, last_answer, questions
from tests.editors.vscode_driver import Window
from tests.editors.vscode_fixtures import workbench
from tests.lsp.test_chat_real import talkative

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A model that chats, and a daemon that ends with the test."""
    environment = {
        "FIMBRIA_RUNTIME_DIR": str(tmp_path / "r"),
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_MODEL": str(talkative(write_checkpoint(tmp_path, CHAT_MODEL))),
        "FIMBRIA_DEVICE": "cpu",
        "FIMBRIA_CHAT_MAX_TOKENS": "12",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "share"),
    }
    yield environment
    run_fimbria(environment, "stop", "--all")


@pytest.fixture
def window(tmp_path: Path, environment: dict[str, str]) -> Iterator[Window]:
    home = tmp_path / "home"
    home.mkdir()
    with workbench(home, [sys.executable, "-m", "lsp_server"], environment) as window:
        window.set("fimbria.enabled", False)
        yield window


def kept(tmp_path: Path) -> list[str]:
    """The files of conversations."""
    folder = tmp_path / "share" / "fimbria" / "conversations"
    return [file.read_text() for file in folder.glob("*.jsonl")]


def wait_for_answer(window: Window, asked: list[str]) -> None:
    """Random weights may say nothing but blanks, which is told; then they are asked again."""

    def is_there() -> bool:
        return questions(window)[-1:] == asked[-1:] and "Ask again" in last_answer(window)

    window.until(is_there, "the answer")
    while "empty" in last_answer(window):
        window.call("frameClick", 'button:has-text("Ask again")')
        window.until(is_there, "another answer")
    window.until(lambda: questions(window) == asked, "the questions")


def test_a_conversation_from_its_first_question_to_its_end(window: Window, tmp_path: Path) -> None:
    window.open("half.py", HALF)
    ask(window, "What?")
    wait_for_answer(window, ["What?"])
    window.call("frameClick", 'button:has-text("Ask again")')
    window.until(
        lambda: '"cut"' in "".join(kept(tmp_path)) or "empty" in last_answer(window),
        "another answer on the disk, or none",
    )
    wait_for_answer(window, ["What?"])
    window.call("frameClick", '.question button:has-text("Edit")')
    window.call("frameFill", ".editing textarea", "Why?")
    window.call("frameClick", '.editing button:has-text("Ask instead")')
    wait_for_answer(window, ["Why?"])
    (file,) = kept(tmp_path)
    assert file.count('"kind":"cut"') >= 2

    window.run_command("Fimbria: Delete Conversation…")
    window.call("click", '.monaco-dialog-box .monaco-button:has-text("Delete")')
    window.until(lambda: not questions(window), "an empty conversation")
    assert kept(tmp_path) == []
