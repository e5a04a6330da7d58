"""Changes that VS Code shows before they are made: the real server, an engine that says what to
write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.editors.vscode_chat_engine import ChatEngine, chat_engine
from tests.editors.vscode_driver import Window
from tests.editors.vscode_fixtures import workbench

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

HALF = "import os\n\n\ndef half(n):\n    return n // 3"
FIXED = HALF.replace("// 3", "/ 2")
TESTS = "from half import half\n\n\ndef test_half():\n    assert half(4) == 2\n"
LONGER = HALF.replace("    return", '    """Divide.\n\n    By three.\n    """\n    return')
CHANGED_SINCE = ["# by hand", *FIXED.split("\n")]


@pytest.fixture(scope="module")
def engine() -> Iterator[ChatEngine]:
    with chat_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, engine: ChatEngine) -> Iterator[Window]:
    """A workbench whose chats go to the engine. No model is loaded for ghost text."""
    environment = {
        "FIMBRIA_RUNTIME_DIR": str(tmp_path_factory.mktemp("r")),
        "FIMBRIA_LOG_FILE": str(tmp_path_factory.mktemp("log") / "lsp.log"),
        "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config")),
        "XDG_DATA_HOME": str(tmp_path_factory.mktemp("share")),
        "FIMBRIA_CHAT_ENDPOINT": engine.url,
        "FIMBRIA_CHAT_MODEL": "told",
        "FIMBRIA_WARM_UP": "false",
    }
    server = [sys.executable, "-P", "-m", "lsp_server"]
    with workbench(tmp_path_factory.mktemp("vscode"), server, environment) as window:
        window.set("fimbria.enabled", False)
        yield window


def propose(window: Window, engine: ChatEngine, becomes: str = FIXED) -> None:
    """Have the function around the cursor changed to what a text has, and wait for the diff."""
    engine.answer = f"```python\n{becomes[becomes.index('def') :]}\n```\n"
    window.run_command("Fimbria: Edit with Instruction…")
    window.call("waitFor", '.quick-input-widget:has-text("What to do with half, lines 4–5")')
    window.type("divide")
    window.press("Enter")
    window.call("waitFor", ".monaco-diff-editor .modified .line-insert")


def edit_the_file(window: Window, name: str, place: str, text: str) -> None:
    """Type a text into the file that a change is proposed for, and return to the proposal."""
    window.call("click", f'.tab[data-resource-name="{name}"]')
    window.press(place)
    window.type(text)
    window.press("Escape")
    window.call("click", '.tab:has-text("proposed")')
    window.call("click", ".monaco-diff-editor .modified .view-lines")


def test_tests_make_a_new_file(window: Window, engine: ChatEngine) -> None:
    engine.answer = f"```python\n{TESTS}```\n"
    window.open("half.py", FIXED)
    file = window.folder / "test_half.py"
    window.wait_for_status("paused")  # it is there, and says nothing
    window.press("Control+.")
    window.call("click", '.action-widget .monaco-list-row:has-text("Write tests for")')
    window.call("waitFor", '.tab.active:has-text("a new file, proposed by Fimbria")')
    window.call("waitFor", ".monaco-diff-editor .line-insert")
    window.screenshot("proposal-new")
    assert not file.exists()
    window.press("Control+Enter")
    window.until(file.exists, "the new file")
    assert file.read_text(encoding="utf-8") == TESTS
    window.call("waitFor", '.tab.active[data-resource-name="test_half.py"]')


def test_a_proposals_buttons_have_words_and_its_keys_are_its_own(
    window: Window, engine: ChatEngine
) -> None:
    path = window.open("kept.py", HALF)
    propose(window, engine)
    for words in "Apply the Proposed Change (Ctrl+Enter)", "Discard the Proposed Change (Ctrl+Back":
        window.call("waitFor", f'.editor-actions a[aria-label^="{words}"]')
    window.press("Control+Backspace")
    window.until(lambda: window.lines() == HALF.split("\n"), "the file alone, as it was")
    window.call("click", ".monaco-editor .view-lines")
    window.press("Control+End")
    window.press("Control+Backspace")  # elsewhere the key is what it was
    assert window.saved(path) == HALF.removesuffix("3")
    window.press("Control+Enter")
    window.type("#")
    assert window.saved(path).splitlines()[-1].strip() == "#"


def test_the_cursor_stays_with_its_text_when_lines_are_added_above(
    window: Window, engine: ChatEngine
) -> None:
    window.open("longer.py", HALF)
    propose(window, engine, LONGER)
    window.press("Control+Enter")
    window.until(lambda: window.lines() == LONGER.split("\n"), "the file alone, with the change")
    window.type("4")
    window.wait_for_line("    return n // 34")


def test_a_proposal_keeps_its_place_while_the_file_is_edited(
    window: Window, engine: ChatEngine
) -> None:
    path = window.open("moved.py", HALF)
    propose(window, engine)
    edit_the_file(window, "moved.py", "Control+Home", "# by hand\n")
    window.press("Control+Enter")
    window.until(lambda: window.lines() == CHANGED_SINCE, "the file alone, with both changes")
    assert window.saved(path).splitlines() == CHANGED_SINCE


def test_a_proposal_for_lines_that_were_edited_says_what_to_do(
    window: Window, engine: ChatEngine
) -> None:
    window.open("lost.py", HALF)
    propose(window, engine)
    edit_the_file(window, "lost.py", "Control+End", "3")
    window.press("Control+Enter")
    window.call("waitFor", '.notification-toast:has-text("changed themselves")')
    edit_the_file(window, "lost.py", "Control+z", "")
    window.press("Control+Enter")
    window.until(lambda: window.lines() == FIXED.split("\n"), "the file alone, with the change")
