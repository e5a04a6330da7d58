"""What an action works on."""

from __future__ import annotations

import pytest

from lsp_server.actions.order import Order, Problem, Task
from lsp_server.actions.site import Target, target_of
from lsp_server.documents import Document
from lsp_server.syntax.trees import parse

TEXT = """\
import os

TABLE = {
    "one": 1,
    "two": 2,
}


class Box:
    size = 1

    def open(self):
        if self.size:
            return 1
        return 2
"""


def target(
    task: Task, start: str, end: str = "", text: str = TEXT, language: str = "python"
) -> Target | None:
    first = text.index(start)
    last = text.index(end) + len(end) if end else first
    problem = Problem("wrong", first, last) if task is Task.FIX else None
    document = Document.of("file:///a", language, 1, text)
    order = Order(task, "", document.uri, 1, first, last, problem)
    return target_of(order, document, parse(language, text))


def lines(found: Target | None, text: str = TEXT) -> list[str]:
    assert found is not None
    return text[found.start : found.end].splitlines()


@pytest.mark.parametrize(
    ("task", "at", "first", "last"),
    [
        (Task.FIX, "return 1", "    def open(self):", "        return 2"),
        (Task.FIX, '"two"', "TABLE = {", "}"),
        (Task.FIX, "import os", "import os", "import os"),
        (Task.FIX, "size = 1", "class Box:", "        return 2"),
        (Task.EXPLAIN, "return 1", "    def open(self):", "        return 2"),
        (Task.SIMPLIFY, "size = 1", "class Box:", "        return 2"),
        (Task.COMPLETE, "return 1", "    def open(self):", "        return 2"),
        (Task.TESTS, "size = 1", "class Box:", "        return 2"),
        (Task.EDIT, "import os", "import os", "import os"),
        (Task.OWN, "import os", "import os", "import os"),
    ],
)
def test_at_a_cursor(task: Task, at: str, first: str, last: str) -> None:
    found = lines(target(task, at))
    assert (found[0], found[-1]) == (first, last)


@pytest.mark.parametrize("task", [Task.EXPLAIN, Task.SIMPLIFY, Task.TESTS, Task.COMPLETE])
def test_where_there_is_nothing(task: Task) -> None:
    assert target(task, "import os") is None


def test_a_selection_is_taken_in_whole_lines() -> None:
    assert lines(target(Task.SIMPLIFY, "f self", "return")) == [
        "        if self.size:",
        "            return 1",
    ]
    upto_line_start = target(Task.SIMPLIFY, "        if", "return 1\n")
    assert lines(upto_line_start)[-1] == "            return 1"


def test_of_a_very_long_function_only_the_lines_around_a_problem() -> None:
    text = "def long():\n" + "".join(f"    line_{n} = {n}\n" for n in range(400))
    found = target(Task.FIX, "line_200", text=text)
    assert found is not None
    assert not found.is_definition
    assert found.name == "long"
    assert lines(found, text)[0] == "    line_185 = 185"
    assert lines(found, text)[-1] == "    line_215 = 215"


def test_a_language_without_a_grammar_has_lines_only() -> None:
    assert lines(target(Task.FIX, "return 1", language="klingon")) == ["            return 1"]
    assert target(Task.EXPLAIN, "return 1", language="klingon") is None
