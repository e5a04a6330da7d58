"""Which of several answers is offered."""

from __future__ import annotations

import pytest

from lsp_server.actions.asking import Answer
from lsp_server.actions.checks import Refused
from lsp_server.actions.order import Task
from lsp_server.actions.proposing import Proposal, proposed_addition, proposed_edit
from lsp_server.actions.site import Target
from lsp_server.documents import Document
from lsp_server.edits import apply_changes

TEXT = "def area(w, h):\n    return w + h\n"
SMALL = TEXT.replace("+", "*")
LARGE = "def area(w, h):\n    result = w * h\n    return result\n"
BROKEN = "def area(w, h)\n    return w * h\n"
DOCUMENT = Document.of("file:///a.py", "python", 1, TEXT)
TARGET = Target(0, len(TEXT), "area", is_definition=True)


def offered(*answers: Answer, task: Task = Task.EDIT) -> str:
    proposal = proposed_edit(answers, DOCUMENT, TARGET, task)
    if isinstance(proposal, Refused):
        return proposal.reason
    return apply_changes(TEXT, proposal.changes)


def answer(text: str, mean_logprob: float, *, cut_short: bool = False) -> Answer:
    return Answer(f"```\n{text}```", cut_short, mean_logprob)


def test_the_likeliest_answer_that_parses() -> None:
    answers = answer(SMALL, -0.9), answer(LARGE, -0.5), answer(BROKEN, -0.1)
    assert offered(*answers) == LARGE


def test_for_a_fix_the_one_that_changes_least() -> None:
    answers = answer(LARGE, -0.1), answer(BROKEN, -0.2), answer(SMALL, -0.9)
    assert offered(*answers, task=Task.FIX) == SMALL


def test_an_answer_that_was_cut_off_does_not_count() -> None:
    assert offered(answer(LARGE, -0.1, cut_short=True), answer(SMALL, -0.9)) == SMALL


def test_where_none_may_be_offered_the_likeliest_one_says_why() -> None:
    assert "leave it as it is" in offered(answer(BROKEN, -0.9), answer(TEXT, -0.1))
    assert "gave no answer" in offered()


def test_what_cannot_be_seen_is_refused() -> None:
    hidden = SMALL.replace("w * h", "w * h  # \u202e x")
    assert "cannot be seen" in offered(answer(hidden, 0))


def added(text: str, *answers: Answer) -> str:
    document = Document.of("file:///test_a.py", "python", 1, text)
    proposal = proposed_addition(answers, document)
    assert isinstance(proposal, Proposal), proposal
    return apply_changes(text, proposal.changes)


def test_additions_stand_two_lines_below_in_the_files_own_line_ends() -> None:
    test = "def test_b():\n    pass\n"
    assert added("", answer(test, 0)) == test
    assert added("a = 1", answer(test, 0)) == f"a = 1\n\n\n{test}"
    assert added("a = 1\n\n\n\n", answer(test, 0)) == f"a = 1\n\n\n\n{test}"
    crlf = test.replace("\n", "\r\n")
    assert added("a = 1\r\n", answer(test, 0)) == f"a = 1\r\n\r\n\r\n{crlf}"


def test_an_addition_that_repeats_the_file_is_only_what_is_new() -> None:
    old = "import a\n\n\ndef test_a():\n    a()\n"
    new = "def test_b():\n    a(1)\n"
    assert added(old, answer(f"{old}\n\n{new}", 0)) == f"{old}\n\n{new}"


def test_an_addition_that_is_broken_or_there_already_is_refused() -> None:
    old = "def test_a():\n    pass\n"
    document = Document.of("file:///test_a.py", "python", 1, old)
    for text, reason in [(BROKEN, "would not parse"), ("", "no whole answer")]:
        refused = proposed_addition([answer(text, 0)], document)
        assert isinstance(refused, Refused)
        assert reason in refused.reason
    doubled = proposed_addition([answer(f"x = 1\n\n\n{old}", 0)], document)
    assert isinstance(doubled, Refused)
    assert "repeats test_a" in doubled.reason


@pytest.mark.parametrize(
    "text",
    [
        f"Before:\n```\n{TEXT.replace('w + h', 'w+h')}```\nAfter:\n```\n{SMALL}```",
        f"<think>\n```\n{BROKEN}```\n</think>\n```\n{SMALL}```",
        f"```\n{SMALL}```\nand not\n```\n{BROKEN}```",
        "```\n    return w * h\n```",
        "return w * h",
        "```\n--- a\n+++ b\n@@ -1,2 +1,2 @@\n def area(w, h):\n"
        "-    return w + h\n+    return w * h\n```",
        "```diff\n-    return w + h\n+    return w * h\n```",
    ],
)
def test_common_ways_to_answer_a_fix(text: str) -> None:
    assert offered(Answer(text, cut_short=False), task=Task.FIX) == SMALL


def test_a_diff_of_other_lines_is_refused() -> None:
    above = "x = 1\n"
    document = Document.of("file:///a.py", "python", 1, above + TEXT)
    target = Target(len(above), len(above + TEXT), "area", is_definition=True)
    for diff, reason in [
        ("-x = 1\n+x = 2\n", "outside of the code"),
        ("-y = 1\n+y = 2\n", "does not fit"),
    ]:
        refused = proposed_edit([Answer(f"```diff\n{diff}```", False)], document, target, Task.FIX)
        assert isinstance(refused, Refused)
        assert reason in refused.reason
    quoted = " x = 1\n def area(w, h):\n-    return w + h\n+    return w * h\n"
    made = proposed_edit([Answer(f"```diff\n{quoted}```", False)], document, target, Task.FIX)
    assert isinstance(made, Proposal)
    assert apply_changes(above + TEXT, made.changes) == above + SMALL


def test_prose_is_no_code_that_would_not_parse() -> None:
    text = "The area is wrong: it adds w and h.\nMultiply them to return it."
    assert offered(Answer(text, cut_short=False), task=Task.FIX) == "The model gave no code."


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
@pytest.mark.parametrize("task", [Task.FIX, Task.ANNOTATE])
def test_an_import_goes_to_the_others(task: Task, line_break: str) -> None:
    head = "import os  # for later\n\nSIZE = 1\n\n\nclass A:\n"
    old = f"{head}    def area(w, h):\n        return w\n".replace("\n", line_break)
    document = Document.of("file:///a.py", "python", 1, old)
    target = Target(old.index("    def"), len(old), "area", is_definition=True)

    def after(code: str) -> str:
        made = proposed_edit([Answer(f"```\n{code}```", cut_short=False)], document, target, task)
        assert isinstance(made, Proposal), made
        return apply_changes(old, made.changes)

    imported = old.replace("later", f"later{line_break}from re import X, Y")
    typed = "def area(w: X, h):\n    return w\n"
    assert after(f"from re import X, Y\n\n\n{typed}") == imported.replace("(w,", "(w: X,")
    assert after("from re import X, Y\n\ndef area(w, h):\n    return w\n") == imported


def test_an_import_that_must_be_the_first_is_refused() -> None:
    old = f"import os\n\n\n{TEXT}"
    document = Document.of("file:///a.py", "python", 1, old)
    target = Target(old.index("def"), len(old), "area", is_definition=True)
    new = f"from __future__ import annotations\n\n{SMALL}"
    refused = proposed_edit([Answer(new, cut_short=False)], document, target, Task.FIX)
    assert isinstance(refused, Refused)
    assert "needs `from __future__ import annotations`" in refused.reason
