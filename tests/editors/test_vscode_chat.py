"""Chat and code actions in VS Code: the real server, an engine that says what the test wants."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.editors.vscode_chat_engine import ChatEngine, chat_engine
from tests.editors.vscode_driver import Window
from tests.editors.vscode_fixtures import workbench

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

HALF = "def half(n):\n    return n // 3"
ANSWER = """\
It divides by **3**:

```python
def half(n):
    return n / 2
```
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[ChatEngine]:
    with chat_engine() as engine:
        yield engine


@contextmanager
def chat_workbench(
    factory: pytest.TempPathFactory, engine: ChatEngine, **more: str
) -> Iterator[Window]:
    """Run a workbench whose chats go to the engine. No model is loaded for ghost text.

    more: further variables of its environment.
    """
    environment = {
        "FIMBRIA_RUNTIME_DIR": str(factory.mktemp("r")),
        "FIMBRIA_LOG_FILE": str(factory.mktemp("log") / "lsp.log"),
        "XDG_CONFIG_HOME": str(factory.mktemp("config")),
        "XDG_DATA_HOME": str(factory.mktemp("share")),
        "FIMBRIA_CHAT_ENDPOINT": engine.url,
        "FIMBRIA_CHAT_MODEL": "told",
        "FIMBRIA_WARM_UP": "false",
        **more,
    }
    server = [sys.executable, "-m", "lsp_server"]
    with workbench(factory.mktemp("vscode"), server, environment) as window:
        window.set("fimbria.enabled", False)
        yield window


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, engine: ChatEngine) -> Iterator[Window]:
    with chat_workbench(tmp_path_factory, engine) as window:
        yield window


def ask(window: Window, question: str) -> None:
    window.run_command("Fimbria: Chat about the Code")
    ask_there(window, question)


def ask_there(window: Window, question: str) -> None:
    """Ask where questions are written, as soon as there is a model to ask."""
    window.call("frameFill", "#question:focus", question)
    window.call("framePress", "form:has(#ask:enabled) #question", "Enter")


def last_answer(window: Window) -> str:
    answers = window.call("frameTexts", ".answer")
    return str(answers[-1]) if answers else ""


def apply_proposal(window: Window) -> None:
    """Wait for the diff, and apply it."""
    window.call("waitFor", ".monaco-diff-editor .char-insert")
    window.screenshot("proposal")
    window.call("click", '.editor-actions a[aria-label^="Apply"]')


def test_a_question_about_the_file_and_the_answers_code_applied(
    window: Window, engine: ChatEngine
) -> None:
    engine.answer = ANSWER
    path = window.open("half.py", HALF)
    ask(window, "Why is this wrong?")
    window.until(lambda: "It divides by 3:" in last_answer(window), "the answer")
    window.until(
        lambda: "It divides by **3**:" in "".join(window.call("frameTexts", "[role=status]")),
        "the answer read out",
    )
    assert HALF in engine.asked[-1]
    assert "Why is this wrong?" in engine.asked[-1]
    window.screenshot("chat")
    window.call("frameClick", 'button:has-text("Apply as diff")')
    apply_proposal(window)
    fixed = ["def half(n):", "    return n / 2"]
    window.until(lambda: window.lines() == fixed, "the file alone, with the change")
    assert window.saved(path) == "def half(n):\n    return n / 2"


def test_stopping_an_answer_ends_the_engines_work(window: Window, engine: ChatEngine) -> None:
    window.open("stopped.py", HALF)
    engine.answer, engine.hold = "It begins.\nAnd would go on.\n", True
    engine.hung_up.clear()
    ask(window, "Tell me more")
    window.until(lambda: "It begins." in last_answer(window), "the answer's beginning")
    window.call("framePress", "#question", "Escape")
    window.until(lambda: "Stopped." in last_answer(window), "the end")
    window.until(engine.hung_up.is_set, "the end of the engine's work")
    engine.hold = False


def questions(window: Window) -> list[str]:
    return [str(words) for words in window.call("frameTexts", ".question > p")]


def answers(window: Window) -> list[str]:
    return [str(words).splitlines()[0] for words in window.call("frameTexts", ".answer")]


@pytest.fixture
def talking(window: Window, engine: ChatEngine) -> Window:
    """A chat about a file, after two questions."""
    window.open("talk.py", HALF)
    window.run_command("Fimbria: New Chat")
    window.until(lambda: not questions(window), "an empty conversation")
    for number, question in [("1", "One?"), ("2", "Two?")]:
        engine.answer = number
        ask_there(window, question)
        window.until(lambda: number in answers(window)[-1:], "the answer")  # noqa: B023
    return window


def test_the_last_question_asked_again(talking: Window, engine: ChatEngine) -> None:
    engine.answer = "Zwei"
    talking.call("click", 'a.action-label[aria-label^="Ask Again"]')
    talking.until(lambda: answers(talking) == ["1", "Zwei"], "another answer")
    assert questions(talking) == ["One?", "Two?"]
    assert engine.asked[-1].count("Two?") == 1
    assert HALF in engine.asked[-1]
    engine.answer = "Deux"
    talking.call("frameClick", 'button:has-text("Ask again")')
    talking.until(lambda: answers(talking) == ["1", "Deux"], "a third answer")
    talking.screenshot("asked-again")


def test_an_earlier_question_in_other_words(talking: Window, engine: ChatEngine) -> None:
    engine.answer = "I"
    talking.call("framePress", '.question button:has-text("Edit")', "Enter")
    talking.screenshot("editing")
    talking.call("frameFill", ".editing textarea", "Uno?")
    talking.call("framePress", ".editing textarea", "Enter")
    talking.until(lambda: (questions(talking), answers(talking)) == (["Uno?"], ["I"]), "the answer")
    assert "One?" not in engine.asked[-1]
    assert HALF in engine.asked[-1]


def test_a_question_that_is_left_as_it_is(talking: Window) -> None:
    talking.call("frameClick", '.question button:has-text("Edit")')
    talking.call("frameFill", ".editing textarea", "Uno?")
    talking.call("framePress", ".editing textarea", "Escape")
    talking.until(lambda: questions(talking) == ["One?", "Two?"], "the questions as they were")
    talking.call("framePress", '.question button:has-text("Edit"):focus', "Tab")


def test_nothing_is_taken_back_without_an_answer(talking: Window, engine: ChatEngine) -> None:
    engine.is_broken = True
    talking.run_command("Fimbria: Ask Again")
    talking.until(lambda: questions(talking) == ["One?", "Two?", "Two?"], "what there was")
    assert answers(talking)[:2] == ["1", "2"]
    assert "500" in answers(talking)[2]
    engine.is_broken, engine.answer = False, "Zwei"
    talking.run_command("Fimbria: Ask Again")
    talking.until(lambda: answers(talking) == ["1", "Zwei"], "the answer in its place")


def test_conversations_are_renamed_chosen_and_deleted(talking: Window) -> None:
    talking.run_command("Fimbria: Rename Conversation…")
    talking.call("waitFor", '.quick-input-title:has-text("Rename the conversation")')
    talking.press("Control+a")
    talking.type("Numbers")
    talking.press("Enter")
    talking.call("waitFor", '.title-label:has-text("Numbers")')
    talking.run_command("Fimbria: New Chat")
    talking.until(lambda: not questions(talking), "an empty conversation")
    talking.call("framePress", "#question:focus", "Home")

    talking.run_command("Fimbria: Conversations…")
    row = '.quick-input-list .monaco-list-row:has-text("Numbers")'
    talking.call("waitFor", row)
    talking.screenshot("conversations")
    talking.call("click", row)
    talking.until(lambda: questions(talking) == ["One?", "Two?"], "the conversation")
    talking.call("framePress", "#question:focus", "Home")

    talking.run_command("Fimbria: Conversations…")
    talking.call("hover", row)
    talking.call("click", f'{row} .action-label[aria-label="Delete"]')
    talking.call("waitFor", ".monaco-dialog-box")
    talking.screenshot("delete")
    talking.call("click", '.monaco-dialog-box .monaco-button:has-text("Cancel")')
    talking.call("hover", row)
    talking.call("click", f'{row} .action-label[aria-label="Delete"]')
    talking.call("click", '.monaco-dialog-box .monaco-button:has-text("Delete")')
    talking.until(lambda: not questions(talking), "an empty conversation")
    talking.call("waitFor", '.quick-input-title:has-text("Conversations")')
    talking.until(lambda: talking.call("count", row) == 0, "the list without it")
    talking.press("Escape")


def test_a_conversation_as_a_document(talking: Window) -> None:
    talking.run_command("Fimbria: Open Conversation as Markdown")
    expected = ["# One?", "", "## You", "", "One?", "", "## Fimbria", "", "1"]
    talking.until(lambda: talking.lines()[: len(expected)] == expected, "the document")
    talking.press("Control+w")
    talking.call("click", '.monaco-dialog-box .monaco-button:has-text("Don")')


def test_code_actions_are_listed_and_an_instruction_is_carried_out(
    window: Window, engine: ChatEngine
) -> None:
    engine.answer = "```python\ndef half(n):\n    return n * 0.5\n```\n"
    path = window.open("edited.py", HALF)
    window.run_command("Fimbria: Actions for This Code…")
    window.call("waitFor", '.quick-input-list .monaco-list-row:has-text("Explain")')
    window.press("Escape")
    window.run_command("Fimbria: Edit with Instruction…")
    window.call("waitFor", '.quick-input-widget input[placeholder^="such as"]')
    window.type("multiply")
    window.press("Enter")
    apply_proposal(window)
    edited = ["def half(n):", "    return n * 0.5"]
    window.until(lambda: window.lines() == edited, "the file alone, with the change")
    assert window.saved(path) == "def half(n):\n    return n * 0.5"
    assert "multiply" in engine.asked[-1]


def test_an_action_of_the_editors_own_menu(window: Window, engine: ChatEngine) -> None:
    engine.answer = "```python\ndef half(n):\n    return n >> 1\n```\n"
    path = window.open("menu.py", HALF)
    window.press("Control+.")
    window.call("click", '.action-widget .monaco-list-row:has-text("Simplify")')
    apply_proposal(window)
    simpler = ["def half(n):", "    return n >> 1"]
    window.until(lambda: window.lines() == simpler, "the file alone, with the change")
    assert window.saved(path) == "def half(n):\n    return n >> 1"


def test_an_explanation_is_shown_as_it_is_meant_to_be_read(
    window: Window, engine: ChatEngine
) -> None:
    engine.answer = "It halves, **rounding down**.\n"
    window.open("explained.py", HALF)
    window.press("Control+.")
    window.call("click", '.action-widget .monaco-list-row:has-text("Explain")')
    window.until(lambda: "rounding down" in window.call("frameTexts", "strong"), "the answer")
