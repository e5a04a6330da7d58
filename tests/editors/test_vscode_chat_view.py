"""VS Code's chat view under the hands of somebody who types, looks elsewhere, and comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.editors.test_vscode_chat import (
    HALF,
    answers,
    ask,
    ask_there,
    chat_workbench,
    last_answer,
    questions,
)
from tests.editors.vscode_chat_engine import ChatEngine, chat_engine
from tests.editors.vscode_driver import Window
from tests.editors.vscode_fixtures import vscode_tools

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

THEMES = {
    "light": "Default Light Modern",
    "dark": "Default Dark Modern",
    "high-contrast": "Default High Contrast",
}
BUTTONS = ["Copy", "Insert", "Apply as diff"]
ANSWER = """\
Both halve, **rounding** otherwise; `>>` wants whole numbers, such as `half(12)`.

| expression | 5 | 6 |
|:-----------|--:|--:|
| `n / 2`    | 2.5 | 3.0 |
| `n >> 1`   | 2 | 3 |

```python
def half(number_to_be_halved: float, *, rounds_down: bool = False) -> float:
    \"\"\"Divide by two.\"\"\"
    return number_to_be_halved // 2 if rounds_down else number_to_be_halved / 2
```
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[ChatEngine]:
    with chat_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, engine: ChatEngine) -> Iterator[Window]:
    """A workbench that finds no server by itself: only the setting names one."""
    surroundings = {
        "HOME": str(tmp_path_factory.mktemp("home")),
        "SHELL": "/bin/sh",
        "PATH": f"{vscode_tools().node.parent}:/usr/bin:/bin",
    }
    with chat_workbench(tmp_path_factory, engine, **surroundings) as window:
        yield window


def written(window: Window) -> str:
    """What stands where questions are written."""
    return str(window.call("frameValue", "#question"))


def test_the_first_question_is_typed_without_a_click(window: Window, engine: ChatEngine) -> None:
    engine.answer = ANSWER
    window.open("half.py", HALF)
    window.wait_for_status("Fimbria")
    window.press("Control+k")
    window.press("Alt+c")
    window.call("frameWaitFor", "#question:focus")
    window.type("Shift or divide?")
    window.until(lambda: written(window) == "Shift or divide?", "the question")
    window.call("frameWaitFor", "#ask:enabled")
    window.press("Enter")
    window.until(lambda: "Both halve" in last_answer(window), "the answer")
    window.until(lambda: window.call("frameTexts", "td:last-child") == ["3.0", "3"], "the table")
    assert window.call("frameTexts", "th") == ["expression", "5", "6"]
    assert written(window) == ""
    window.call("frameWaitFor", "#question:focus")


@pytest.mark.parametrize("kind", ["light", "dark", "high-contrast"])
def test_code_is_readable_in_every_theme(window: Window, kind: str) -> None:
    window.set("workbench.colorTheme", THEMES[kind])
    window.call("frameWaitFor", f'body[data-vscode-theme-kind="vscode-{kind}"]')
    window.screenshot(f"chat-{kind}")
    behind = window.call("frameStyle", "pre > code", "background-color")
    assert behind == "rgba(0, 0, 0, 0)"
    tops = {window.call("frameTop", f'.code-bar button:has-text("{name}")') for name in BUTTONS}
    assert len(tops) == 1


def test_half_a_question_outlives_a_look_at_another_view(window: Window) -> None:
    window.run_command("Fimbria: Chat about the Code")
    window.call("frameWaitFor", "#question:focus")
    window.type("Half a")
    window.press("Control+Shift+e")
    window.call("waitFor", ".explorer-folders-view .monaco-list:focus-within")
    window.run_command("Fimbria: Chat about the Code")
    window.call("frameWaitFor", "#question:focus")
    window.type(" question")
    window.until(lambda: written(window) == "Half a question", "the question")
    window.call("frameFill", "#question", "")


def test_enter_while_an_answer_is_written_keeps_answer_and_question(
    window: Window, engine: ChatEngine
) -> None:
    engine.answer, engine.hold = "It begins.\nAnd would go on.\n", True
    engine.hung_up.clear()
    ask(window, "Tell me more")
    window.until(lambda: "It begins." in last_answer(window), "the answer's beginning")
    window.type("And then?")
    window.press("Enter")
    window.until(lambda: "Not sent" in "".join(window.call("frameTexts", "#keys")), "why not")
    assert written(window) == "And then?"
    assert not engine.hung_up.is_set()
    window.press("Escape")
    window.until(lambda: "Stopped." in last_answer(window), "the end")
    engine.hold, engine.answer = False, "That."
    window.press("Enter")
    window.until(lambda: "That." in last_answer(window), "the answer")
    assert questions(window)[-1] == "And then?"


def test_the_keyboards_place_is_kept(window: Window, engine: ChatEngine) -> None:
    engine.answer, engine.hold = "It begins.\nAnd would go on.\n", True
    engine.hung_up.clear()
    window.call("frameFill", "#question:focus", "By the button")
    window.press("Tab")
    window.call("frameWaitFor", "#ask:focus")
    window.press("Enter")
    window.call("frameWaitFor", "#stop:focus")
    window.until(lambda: "It begins." in last_answer(window), "the answer's beginning")
    window.press("Enter")
    window.until(lambda: "Stopped." in last_answer(window), "the end")
    window.call("frameWaitFor", "#question:focus")
    engine.hold = False
    window.press("Shift+Tab")
    window.press("Shift+Tab")
    window.call("frameWaitFor", '.chip[aria-label="Leave out half.py"]:focus')
    window.press("Enter")
    window.call("frameWaitFor", '.chip[aria-label^="Add"]:focus')


def test_a_reference_that_is_gone_is_told(window: Window, engine: ChatEngine) -> None:
    engine.answer = "Once."
    path = window.open("gone 100%.py", HALF)
    ask(window, "What was it?")
    window.until(lambda: "Once." in last_answer(window), "the answer")
    window.call("click", '.tab.active .action-label[aria-label^="Close"]')
    path.unlink()
    window.call("frameClick", '.references .link:has-text("gone 100%.py")')
    window.until(lambda: "cannot be opened" in "".join(window.messages()), "a message")
    window.run_command("Notifications: Clear All Notifications")


def test_the_lists_buttons_are_reached_with_the_keyboard(
    window: Window, engine: ChatEngine
) -> None:
    window.run_command("Fimbria: New Chat")
    engine.answer = "Yes."
    ask_there(window, "To be deleted?")
    window.until(lambda: "Yes." in answers(window), "the answer")
    window.run_command("Fimbria: Conversations…")
    window.call("waitFor", '.quick-input-list .monaco-list-row.focused:has-text("To be deleted?")')
    window.press("Tab")  # the list
    window.press("Tab")  # its focused row's buttons
    window.press("ArrowRight")
    window.call("waitFor", '.monaco-list-row.focused .action-label[aria-label="Delete"]:focus')
    window.press("Enter")
    window.call("click", '.monaco-dialog-box .monaco-button:has-text("Delete")')
    window.until(lambda: not questions(window), "an empty conversation")
    window.press("Escape")


def test_a_conversation_that_is_not_open_is_deleted_from_the_palette(window: Window) -> None:
    window.press("Control+Shift+E")
    window.call("waitFor", ".explorer-folders-view .monaco-list:focus-within")
    window.run_command("Fimbria: New Chat")
    window.call("frameWaitFor", "#question:focus")  # or the palette would lose it
    window.run_command("Fimbria: Delete Conversation…")
    row = '.quick-input-list .monaco-list-row:has-text("Shift or divide?")'
    window.call("click", row)
    window.call("click", '.monaco-dialog-box .monaco-button:has-text("Delete")')
    window.run_command("Fimbria: Conversations…")
    window.call("waitFor", ".quick-input-widget input")
    assert window.call("count", row) == 0
    window.press("Escape")


def cell(source: str) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}


def test_a_cell_comes_with_the_code_before_it(window: Window, engine: ChatEngine) -> None:
    cells = [cell("def list_files(): ..."), cell("files = list_files()")]
    language = {"language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": language, "nbformat": 4, "nbformat_minor": 5}
    window.show("nb.ipynb", json.dumps(notebook))
    window.call("click", '.notebookOverlay .view-lines:has-text("files = ")')
    engine.answer = "They are."
    ask(window, "What are files?")
    window.until(lambda: "They are." in last_answer(window), "the answer")
    assert "def list_files(): ..." in engine.asked[-1]
    assert "files = list_files()" in engine.asked[-1]
    links = window.call("frameTexts", ".references .link")
    assert links == ["nb.ipynb, cell 1", "nb.ipynb, cell 2"]


def test_a_server_that_ends_and_one_that_is_gone_are_told(
    window: Window, engine: ChatEngine
) -> None:
    engine.answer, engine.hold = "It begins.\nAnd would go on.\n", True
    ask(window, "Are you there?")
    window.until(lambda: "It begins." in last_answer(window), "the answer's beginning")
    window.run_command("Fimbria: Restart Server")
    window.until(lambda: "has ended meanwhile" in last_answer(window), "why it ended")
    engine.hold = False
    window.wait_for_status("paused")

    window.set("fimbria.server.command", [])
    window.call("frameWaitFor", 'button:has-text("Install the Server…")')
    window.call("frameFill", "#question", "Anybody?")
    window.call("framePress", "#question:focus", "Enter")
    window.until(lambda: "Not sent" in "".join(window.call("frameTexts", "#keys")), "why not")
    assert written(window) == "Anybody?"
    window.screenshot("chat-missing")
    window.call("frameClick", 'button:has-text("Open Its Setting")')
    window.call("waitFor", '.settings-editor .setting-item-contents:has-text("Command")')
