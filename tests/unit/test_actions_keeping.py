"""Answers that parse and would lose code, or change what nobody has asked for."""

from __future__ import annotations

import pytest

from lsp_server.actions.asking import Answer
from lsp_server.actions.checks import Refused
from lsp_server.actions.order import Task
from lsp_server.actions.proposing import proposed_edit
from lsp_server.actions.site import Target
from lsp_server.documents import Document
from lsp_server.edits import apply_changes

MEAN = """\
def mean(values):
    total = 0
    for value in values:
        total += value
    return total / len(value)
"""
JAVASCRIPT = "class A {\n  mean(values) {\n    const n = values.length;\n    return n;\n  }\n}\n"


def outcome(task: Task, old: str, new: str, language: str = "python", part: str = "") -> str:
    """The document after an answer, or why there is no edit."""
    document = Document.of("file:///a", language, 1, old)
    start = old.index(part)
    target = Target(start, start + len(part or old), "mean", is_definition=True)
    proposal = proposed_edit([Answer(f"```\n{new}```", cut_short=False)], document, target, task)
    return (
        proposal.reason if isinstance(proposal, Refused) else apply_changes(old, proposal.changes)
    )


@pytest.mark.parametrize(
    "line",
    [
        "# ... existing code ...",
        "# rest unchanged",
        "# ...",
        "# The rest of the function remains the same",
        "# (existing code here)",
        "pass  # remaining code unchanged",
        "# same as before",
        "# … everything else stays as is",
    ],
)
@pytest.mark.parametrize("task", [Task.FIX, Task.EDIT])
def test_a_comment_that_stands_for_code_is_no_code(line: str, task: Task) -> None:
    answer = f"def mean(values):\n    {line}\n    return total / len(values)\n"
    assert "leaves code out" in outcome(task, MEAN, answer)


@pytest.mark.parametrize(
    "line",
    [
        "# rest of the values",
        "# wait for more...",
        "# ------------",
        "# existing entries count twice",
        "#",
        "# unchanged entries are skipped",
    ],
)
def test_other_comments_are_code(line: str) -> None:
    answer = MEAN.replace("    total = 0\n", f"    {line}\n    total = 0\n")
    assert outcome(Task.FIX, MEAN, answer) == answer


def test_a_comment_that_was_there_may_stay() -> None:
    old = MEAN.replace("    total = 0\n", "    # ... existing code ...\n    total = 0\n")
    new = old.replace("len(value)", "len(values)")
    assert outcome(Task.FIX, old, new) == new


def test_in_other_languages_too() -> None:
    part = JAVASCRIPT[JAVASCRIPT.index("  mean") : JAVASCRIPT.index("}\n}") + 2]
    for comment in ("// ... rest of the code ...", "/* unchanged */"):
        answer = f"mean(values) {{\n  {comment}\n  return n;\n}}\n"
        assert "leaves code out" in outcome(Task.FIX, JAVASCRIPT, answer, "javascript", part)
    emptied = outcome(Task.FIX, JAVASCRIPT, "mean(values) {\n}\n", "javascript", part)
    assert "leaves mean empty" in emptied
    answer = part.replace("return n", "return n + 1")
    fixed = outcome(Task.FIX, JAVASCRIPT, answer, "javascript", part)
    assert fixed == JAVASCRIPT.replace("return n", "return n + 1")


@pytest.mark.parametrize("body", ["pass", "...", '"""Mean."""', "raise NotImplementedError"])
@pytest.mark.parametrize("task", [Task.FIX, Task.SIMPLIFY, Task.COMPLETE, Task.ANNOTATE])
def test_a_body_must_not_go(body: str, task: Task) -> None:
    assert "leaves mean empty" in outcome(task, MEAN, f"def mean(values):\n    {body}\n")


def test_completing_must_bring_a_body() -> None:
    old = "def mean(values):\n    pass\n"
    assert "leaves mean empty" in outcome(Task.COMPLETE, old, "def mean(values):\n    ...\n")
    assert outcome(Task.COMPLETE, old, MEAN) == MEAN


def test_who_asks_for_a_stub_gets_it() -> None:
    stub = "def mean(values):\n    ...\n"
    assert outcome(Task.EDIT, MEAN, stub) == stub


ANNOTATED = MEAN.replace("(values):", "(values: list[float]) -> float:")


@pytest.mark.parametrize(
    "new",
    [
        ANNOTATED,
        ANNOTATED.replace("total = 0", "total: float = 0"),
        ANNOTATED.replace("    total = 0\n", "    total: float\n    total = 0\n"),
        ANNOTATED.replace("(values: list[float])", "(\n    values: list[float],\n)"),
    ],
)
def test_annotations_are_added(new: str) -> None:
    assert outcome(Task.ANNOTATE, MEAN, new) == new


@pytest.mark.parametrize(
    "new",
    [
        "def mean(values: list[float]) -> float:\n    return sum(values) / 2\n",
        ANNOTATED.replace("len(value)", "len(values)"),
        ANNOTATED.replace("(values: list[float])", "(values: list[float], extra: int)"),
        ANNOTATED.replace("        total +=", "        pass\n    total +="),
        ANNOTATED.replace("(values: list[float])", "(values: list[float] = ())"),
    ],
)
def test_annotating_changes_no_code(new: str) -> None:
    assert "changes more than type annotations" in outcome(Task.ANNOTATE, MEAN, new)


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        (
            "typescript",
            "function mean(a, b?) {\n  return new Map();\n}\n",
            "function mean(a: number, b?: string): Map<string, number> {\n"
            "  return new Map<string, number>();\n}\n",
        ),
        (
            "php",
            "<?php\nfunction mean($a, $b) {\n    return [];\n}\n",
            "<?php\nfunction mean(int $a, ?string $b): ?array {\n    return [];\n}\n",
        ),
        (
            "gdscript",
            "func mean(a):\n\treturn a\n",
            "func mean(a: int) -> int:\n\treturn a\n",
        ),
        (
            "luau",
            "local function mean(a)\n  return a\nend\n",
            "local function mean(a: number): string\n  return a\nend\n",
        ),
    ],
)
def test_annotations_of_other_languages(language: str, old: str, new: str) -> None:
    assert outcome(Task.ANNOTATE, old, new, language) == new
    changed = new.replace("return", "f(3);\n\treturn", 1)
    assert "more than type annotations" in outcome(Task.ANNOTATE, old, changed, language)


def test_simplifying_keeps_the_parameters() -> None:
    shorter = "def mean(values, extra):\n    return sum(values) / len(values)\n"
    for task in (Task.SIMPLIFY, Task.COMPLETE):
        assert "changes the parameters of mean" in outcome(task, MEAN, shorter)
        kept = shorter.replace(", extra", "")
        assert outcome(task, MEAN, kept) == kept
    assert outcome(Task.EDIT, MEAN, shorter) == shorter
