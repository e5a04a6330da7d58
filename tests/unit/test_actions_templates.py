"""Prompts as files: ours, the users' own, and the exact text that is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.actions.checks import Refused
from lsp_server.actions.order import Order, Task
from lsp_server.actions.own import SomeWrong, own_actions
from lsp_server.actions.prompting import Prompt, file_name, prompt_for
from lsp_server.actions.site import Target
from lsp_server.actions.templates import (
    load_template,
    own_template,
    read_template,
    template_problems,
)
from lsp_server.documents import Document
from model_runtime.api import ChatMessage, Role
from tests.action_prompts import DOCUMENT, TASKS, check_golden, messages, prompt
from tests.conftest import PROJECT

GOLDEN = PROJECT / "tests" / "golden" / "prompts.json"


def test_the_exact_text_of_every_task(update_golden: bool) -> None:
    found = {
        name: {message.role.value: message.content.split("\n") for message in messages(name)}
        for name in TASKS
    }
    check_golden(GOLDEN, found, update_golden)


def test_code_that_is_too_long_for_the_model_is_refused() -> None:
    refused = prompt("fix", context_length=300)
    assert isinstance(refused, Refused)
    assert "select less" in refused.reason


def test_a_long_file_comes_in_whole_lines_around_the_code() -> None:
    text = "".join(f"line_{n} = {n}\n" for n in range(3000))
    start = text.index("line_1500")
    target = Target(start, text.index("line_1501"))
    order = Order(Task.SIMPLIFY, "", "file:///a.py", 1, start, start)
    document = Document.of("file:///a.py", "python", 1, text)
    made = prompt_for(order, document, target, own_template("simplify"), 2048)
    assert isinstance(made, Prompt)
    user = made.messages[1].content
    assert "line_1499 = 1499\n```\n" in user
    assert "```\nline_1500 = 1500\n```" in user
    assert "```\nline_1501 = 1501\n" in user
    numbered = [line for line in user.split("\n") if line.startswith("line_")]
    assert all(line in text.split("\n") for line in numbered)
    assert len(user) < 2048 * 2.5


def test_values_are_never_read_as_placeholders() -> None:
    template = read_template("{{code}} {{ name }}", frozenset({"code", "name"}))
    (message,) = template.messages({"code": "{{name}}", "name": "x"})
    assert message == ChatMessage(Role.USER, "{{name}} x")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{cod}}", "{{cod}} is no placeholder; perhaps {{code}}?"),
        ("{{}}", "{{}} is no placeholder; there are {{code}}"),
        ("system\n---\n  \n", "it asks nothing"),
        ("", "it asks nothing"),
    ],
)
def test_a_template_that_cannot_be_used(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=problem.replace("{", r"\{").replace("?", r"\?")):
        read_template(text, frozenset({"code"}))
    (tmp_path / "explain.md").write_text(text)
    template, said = load_template("explain", tmp_path)
    assert template == own_template("explain")
    assert "explain.md" in said
    assert said in template_problems(tmp_path)


def test_a_users_template_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "explain.md").write_bytes(b"Be brief.\r\n---\r\nWhat is {{code}}?\r\n")
    template, said = load_template("explain", tmp_path)
    assert (template.system, template.user, said) == ("Be brief.", "What is {{code}}?", "")
    assert template_problems(tmp_path) == []


def test_a_template_for_no_task_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "repair.md").write_text("{{code}}")
    (tmp_path / "fix.md").write_bytes(b"\xff\xfe")
    unreadable, strange = template_problems(tmp_path)
    assert "cannot be read" in unreadable
    assert "repair.md belongs to no task; there are fix," in strange
    assert template_problems(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x", "a list of actions"),
        ([1], "number 1 is not one"),
        ([{"title": "a"}], "number 1 lacks one"),
        ([{"title": " ", "prompt": "{{code}}"}], "lacks one"),
        ([{"title": "a", "prompt": "{{kode}}"}], 'in that of "a", {{kode}} is no placeholder'),
        ([{"title": "a", "prompt": "{{code}}", "result": "y"}], "edit or answer"),
        ([{"title": "a", "prompt": "{{code}}", "kind": "a b"}], "such as refactor.rewrite"),
        ([{"title": "a", "prompt": "Mend it."}], "would not see the code; write {{code}}"),
        ([{"title": "a", "prompt": "x", "promt": "y"}], 'has "promt"'),
        ([{"title": "a", "prompt": "{{ code }}"}] * 2, 'two are called "a"'),
    ],
)
def test_own_actions_that_make_no_sense(value: object, problem: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the text is what counts
        own_actions(value)
    assert problem in str(error.value)


def test_every_mistake_in_own_actions_is_told() -> None:
    good = {"title": "c", "prompt": "{{ code }}"}
    review = {"title": "d", "prompt": "Sing.", "result": "answer"}
    value = [{"title": "a", "prompt": "x"}, good, {"title": "b", "prompt": "{{kode}}"}, review]
    with pytest.raises(SomeWrong) as error:
        own_actions(value)
    assert 'that of "a", the model would not see' in str(error.value)
    assert 'that of "b", {{kode}} is no placeholder' in str(error.value)
    assert [action.title for action in error.value.usable] == ["c", "d"]


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("fix", "Mend it: {{problem}}", "write {{code}}"),
        ("docstring", "Document it.", "write {{before}} or {{after}}"),
    ],
)
def test_a_template_must_show_the_code(name: str, text: str, wanted: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.md").write_text(text)
    template, said = load_template(name, tmp_path)
    assert template == own_template(name)
    assert wanted in said
    (tmp_path / f"{name}.md").write_text("{{ code }}" if name == "fix" else "{{ before }}")
    assert load_template(name, tmp_path)[1] == ""


def test_a_prompt_names_the_file_and_not_its_folder() -> None:
    assert file_name(DOCUMENT.uri) == "my shapes.py"
    assert file_name("untitled:Untitled-1") == "Untitled-1"
    assert file_name("file:///") == "untitled"
