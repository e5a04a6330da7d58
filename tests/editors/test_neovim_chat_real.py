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


def kept(editor: Editor) -> list[tuple[str, list[str]]]:
    """The conversations that the server knows: their titles, and what was said."""
    found = editor.request("fimbria/chat/list")
    whole = [editor.request("fimbria/chat/get", conversation=one["conversation"]) for one in found]
    return [(one["title"], [each["content"] for each in one["messages"]]) for one in whole]


def ask(editor: Editor, engine: ChatEngine, question: str, answer: str) -> None:
    """Have a question answered; the cursor is where questions are written."""
    engine.answer = answer
    editor.keys(f"{question}<CR>")
    until(lambda: said(editor).endswith(f"{question}\n\n## Fimbria\n\n{answer}\n"), "the answer")


@pytest.fixture
def talking(editor: Editor, engine: ChatEngine) -> Editor:
    """The chat after two questions, with the cursor at the end of what was said."""
    editor.keys(":Fimbria chat<CR>")
    ask(editor, engine, "one?", "1")
    ask(editor, engine, "two?", "2")
    editor.keys("<Esc><C-w>kG")
    return editor


def test_the_last_question_asked_again(talking: Editor, engine: ChatEngine) -> None:
    engine.answer = "zwei"
    talking.keys(".")
    until(lambda: said(talking).endswith("two?\n\n## Fimbria\n\nzwei\n"), "the other answer")
    assert said(talking).count("two?") == 1
    assert kept(talking) == [("one?", ["one?", "1", "two?", "zwei"])]
    assert CODE in engine.asked[-1]


def test_an_earlier_question_in_other_words(talking: Editor, engine: ChatEngine) -> None:
    engine.answer = "I"
    talking.keys("ggcc")
    until(lambda: any("in the place of an" in row for row in talking.screen()), "the hint")
    talking.keys("<C-u>uno?<CR>")
    until(lambda: said(talking).endswith("uno?\n\n## Fimbria\n\nI\n"), "the answer")
    assert "one?" not in said(talking)
    assert "two?" not in said(talking)
    assert CODE in engine.asked[-1]
    assert [words for _, words in kept(talking)] == [["uno?", "I"]]
    assert not any("in the place of an" in row for row in talking.screen())
    ask(talking, engine, "due?", "II")
    assert [words for _, words in kept(talking)] == [["uno?", "I", "due?", "II"]]


def test_a_question_that_is_left_as_it_is(talking: Editor, engine: ChatEngine) -> None:
    talking.keys("ggcc")
    until(lambda: any("in the place of an" in row for row in talking.screen()), "the hint")
    talking.keys("<C-c>")
    ask(talking, engine, "three?", "3")
    assert [words for _, words in kept(talking)] == [["one?", "1", "two?", "2", "three?", "3"]]


def test_nothing_is_taken_back_without_an_answer(talking: Editor, engine: ChatEngine) -> None:
    before = said(talking)
    engine.is_broken = True
    talking.keys("ggcc<C-u>uno?<CR>")
    until(lambda: "500" in said(talking), "the failure")
    assert said(talking).startswith(before)
    assert [words for _, words in kept(talking)] == [["one?", "1", "two?", "2"]]
    engine.is_broken, engine.answer = False, "I"
    talking.keys("<Esc>:Fimbria chat again<CR>")
    until(lambda: said(talking) == "\n## You\n\nuno?\n\n## Fimbria\n\nI\n", "the answer")
    assert [words for _, words in kept(talking)] == [["uno?", "I"]]


def test_an_answer_stopped_before_its_first_words(talking: Editor, engine: ChatEngine) -> None:
    before = said(talking)
    engine.answer, engine.hold = "", True
    talking.keys(".")
    until(lambda: len(engine.asked) == 3, "the question at the engine")
    talking.keys("<C-c>")
    until(lambda: said(talking).startswith(before), "what was said")
    assert engine.hung_up.wait(60)
    assert [words for _, words in kept(talking)] == [["one?", "1", "two?", "2"]]
    engine.answer, engine.hold = "zwei", False
    talking.keys(".")
    until(lambda: said(talking).endswith("two?\n\n## Fimbria\n\nzwei\n"), "the other answer")
    assert said(talking).count("two?") == 1


def test_a_question_that_nobody_answered(talking: Editor, engine: ChatEngine) -> None:
    talking.lua("vim.ui.select = function(items, _, done) done(items[#items]) end")
    engine.is_broken = True
    talking.keys("<C-w>jithree?<CR>")
    until(lambda: "500" in said(talking), "the failure")
    talking.keys("<Esc><C-w>ko")
    until(lambda: said(talking).endswith("Fimbria\n\n> this question was not answered\n"), "it")
    engine.is_broken, engine.answer = False, "3"
    talking.keys("<Esc>:Fimbria chat again<CR>")
    until(lambda: said(talking).endswith("three?\n\n## Fimbria\n\n3\n"), "the answer")
    assert [words for _, words in kept(talking)] == [["one?", "1", "two?", "2", "three?", "3"]]


def test_a_question_that_another_window_has_taken_back(talking: Editor, engine: ChatEngine) -> None:
    (conversation,) = talking.request("fimbria/chat/list")
    whole = talking.request("fimbria/chat/get", conversation=conversation["conversation"])
    talking.request(
        "fimbria/chat",
        conversation=conversation["conversation"],
        message="uno?",
        replaces=whole["messages"][0]["id"],
    )
    talking.keys(".")
    until(lambda: "open the conversation again" in said(talking), "what to do")
    assert [words for _, words in kept(talking)] == [["uno?", "2"]]


def test_conversations_are_named_listed_and_deleted(talking: Editor, engine: ChatEngine) -> None:
    talking.lua("vim.ui.select = function(items, _, done) done(items[#items]) end")
    talking.keys("R<C-u>Numbers<CR>O")
    until(lambda: said(talking) == "", "a new conversation")
    ask(talking, engine, "a?", "A")
    assert [title for title, _ in kept(talking)] == ["a?", "Numbers"]
    talking.keys("<Esc><C-w>ko")
    until(lambda: "one?" in said(talking), "the first conversation")
    talking.keys("<Esc><C-w>kDd")
    until(lambda: said(talking) == "", "an empty conversation")
    assert [title for title, _ in kept(talking)] == ["a?"]


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
