"""Every action from its list to the buffer, in all encodings, whatever the text is like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from lsp_server.positions import PositionEncoding
from model_runtime.api import ChatRequest
from tests.fakes import FakeRuntime
from tests.lsp.acting import (
    CHATTING,
    RESOLVING,
    applied,
    cursor,
    diagnostic,
    listed,
    resolve,
    span,
    titled,
    told,
)
from tests.lsp.client import URI, LspClient
from tests.lsp.sessions import session

Scenario = Callable[[LspClient, FakeRuntime], Awaitable[None]]

SHAPES = """\
import math  # 😋é中


class Shape:
    sides = 4

    def area(self, w, h):
        '''😋 area'''
        return w + h

    def name(self):
        return "shape"
"""
AREA = SHAPES[SHAPES.index("    def area") : SHAPES.index("\n    def name")]
FIXED = AREA.replace("w + h", "w * h")


def act(
    scenario: Scenario, answer: str | Exception | None = None, **options: object
) -> FakeRuntime:
    settings = {"settings": CHATTING, "capabilities": RESOLVING} | options
    return session(scenario, answer, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", PositionEncoding)
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("tabs", [False, True])
def test_a_fix_changes_what_is_wrong_and_nothing_else(
    encoding: PositionEncoding, line_break: str, tabs: bool
) -> None:
    def in_document(text: str) -> str:
        return (text.replace("    ", "\t") if tabs else text).replace("\n", line_break)

    text = in_document(SHAPES)

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        at = span(text, "w + h", encoding)
        actions = await listed(client, at, [diagnostic(at, "areas are products")])
        action = await client.result(resolve(client, titled(actions, "Fix: areas are products")))
        (edit,) = action["edit"]["documentChanges"][0]["edits"]
        assert edit["newText"] == "*"
        assert applied(text, action["edit"], encoding) == in_document(
            SHAPES.replace("w + h", "w * h")
        )

    answer = f"Sure, here is the fixed code:\n\n```python\n{FIXED}```\nIt multiplies now."
    act(scenario, answer, encoding=encoding.value)


def test_what_the_model_is_told_of_a_problem() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        at = span(SHAPES, "w + h")
        related = {
            "location": {"uri": URI, "range": span(SHAPES, "sides")},
            "message": "sides are here",
        }
        problem = diagnostic(at, "sum of lengths", source="units", relatedInformation=[related])
        actions = await listed(client, at, [problem])
        fix = titled(actions, "Fix")
        assert (fix["kind"], fix["diagnostics"]) == ("quickfix", [problem])
        await client.result(resolve(client, fix))

    (call,) = act(scenario, f"```\n{FIXED}```").calls
    assert isinstance(call.request, ChatRequest)
    assert call.request.num_candidates == 3
    system, user = call.request.messages
    assert "repair python code" in system.content
    assert "sum of lengths (units)\nLine 5: sides are here\n" in user.content
    assert f"The code to repair:\n```\n{AREA.rstrip()}\n```" in user.content
    assert "class Shape:" in user.content
    assert "/project" not in user.content


REWRITES = [
    ("Simplify area", FIXED, SHAPES.replace("w + h", "w * h")),
    (
        "Add type annotations to area",
        AREA.replace("w, h)", "w: int, h: int) -> int"),
        SHAPES.replace("w, h)", "w: int, h: int) -> int"),
    ),
]


@pytest.mark.parametrize(("title", "answer", "expect"), REWRITES)
@pytest.mark.parametrize("encoding", PositionEncoding)
def test_rewriting_the_function_at_the_cursor(
    title: str, answer: str, expect: str, encoding: PositionEncoding
) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        actions = await listed(client, cursor(SHAPES, "w + h", encoding))
        action = await client.result(resolve(client, titled(actions, title)))
        assert action["kind"].startswith("refactor.rewrite.")
        assert applied(SHAPES, action["edit"], encoding) == expect

    act(scenario, f"```python\n{answer}```", encoding=encoding.value)


def test_completing_a_function() -> None:
    started = SHAPES.replace("return w + h", "...")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(started)
        actions = await listed(client, cursor(started, "..."))
        action = await client.result(resolve(client, titled(actions, "Complete area")))
        assert action["kind"] == "refactor.rewrite.complete"
        assert applied(started, action["edit"]) == SHAPES.replace("w + h", "w * h")

    act(scenario, f"```python\n{FIXED}```")


def test_a_selection_is_what_is_meant() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        actions = await listed(client, span(SHAPES, "return w"))
        action = await client.result(resolve(client, titled(actions, "Simplify this")))
        assert applied(SHAPES, action["edit"]) == SHAPES.replace("w + h", "h + w")

    (call,) = act(scenario, "return h + w").calls
    assert isinstance(call.request, ChatRequest)
    assert "```\n        return w + h\n```" in call.request.messages[1].content


def test_an_explanation_is_shown_as_a_document() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        action = titled(await listed(client, cursor(SHAPES, "w + h")), "Explain area")
        command = action["command"]
        assert "data" not in action
        params = {"command": command["command"], "arguments": command["arguments"]}
        await client.result(client.ask("workspace/executeCommand", params))
        assert await told(client) == "# It adds.\n\nIt should not."

    act(scenario, "# It adds.\n\nIt should not.\n")


def test_an_instruction_without_a_selection_is_for_the_definition_around_the_cursor() -> None:
    capabilities = {**RESOLVING, "experimental": {"fimbria": {"askInstruction": True}}}
    subjects = {
        "return w": {"name": "area", "isWhole": True, "lines": [6, 8]},
        "sides": {"name": "Shape", "isWhole": True, "lines": [3, 11]},
        "import": {"name": "", "isWhole": False, "lines": [0, 0]},
    }

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        for text, subject in subjects.items():
            actions = await listed(client, cursor(SHAPES, text))
            (asked,) = titled(actions, "Edit with instruction")["command"]["arguments"]
            assert asked["subject"] == subject

    act(scenario, capabilities=capabilities)


def test_edit_with_instruction_is_offered_where_the_editor_asks_for_it() -> None:
    capabilities = {**RESOLVING, "experimental": {"fimbria": {"askInstruction": True}}}

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        actions = await listed(client, span(SHAPES, "return w + h"))
        command = titled(actions, "Edit with instruction")["command"]
        assert command["command"] == "fimbria.askInstruction"
        (asked,) = command["arguments"]
        assert asked["subject"] == {"name": "area", "isWhole": False, "lines": [8, 8]}
        arguments = [{**asked, "instruction": "Multiply."}]
        params = {"command": "fimbria.editWithInstruction", "arguments": arguments}
        request = client.ask("workspace/executeCommand", params)
        asked_to_apply = await client.take("workspace/applyEdit")
        edit = asked_to_apply["params"]["edit"]
        assert applied(SHAPES, edit) == SHAPES.replace("w + h", "w * h")
        client.send({"id": asked_to_apply["id"], "result": {"applied": True}})
        await client.result(request)

    (call,) = act(scenario, "```\nreturn w * h\n```", capabilities=capabilities).calls
    assert isinstance(call.request, ChatRequest)
    assert "What to do: Multiply." in call.request.messages[1].content


def test_editors_that_do_not_ask_are_not_offered_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        actions = await listed(client, span(SHAPES, "return w + h"))
        assert not [action for action in actions if "instruction" in action["title"]]

    act(scenario)


@pytest.mark.parametrize("argument", [None, {}, {"uri": URI}, {"uri": URI, "instruction": "x"}, 3])
def test_a_command_that_says_too_little(argument: object) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        params = {"command": "fimbria.editWithInstruction", "arguments": [argument]}
        await client.result(client.ask("workspace/executeCommand", params))
        assert "needs" in await told(client)

    assert act(scenario).calls == []


def test_an_editor_without_resolve_and_versions_gets_a_command_and_plain_changes() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        action = titled(await listed(client, cursor(SHAPES, "w + h")), "Simplify area")
        command = action["command"]
        assert command["command"] == "fimbria.apply"
        params = {"command": command["command"], "arguments": command["arguments"]}
        request = client.ask("workspace/executeCommand", params)
        asked = await client.take("workspace/applyEdit")
        assert applied(SHAPES, asked["params"]["edit"]) == SHAPES.replace("w + h", "w * h")
        client.send({"id": asked["id"], "result": {"applied": False, "failureReason": "busy"}})
        await client.result(request)
        assert "did not apply the edit: busy" in await told(client)

    act(scenario, f"```\n{FIXED}```", capabilities={})


@pytest.mark.parametrize("confirm", [True, False])
def test_edits_say_what_they_are_and_ask_for_agreement(confirm: bool) -> None:
    workspace = {
        "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {}},
    }

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        action = titled(await listed(client, cursor(SHAPES, "w + h")), "Simplify area")
        edit = (await client.result(resolve(client, action)))["edit"]
        ((name, annotation),) = edit["changeAnnotations"].items()
        assert annotation["label"] == "Fimbria: Simplify area"
        assert annotation["needsConfirmation"] is confirm
        assert edit["documentChanges"][0]["edits"][0]["annotationId"] == name
        assert applied(SHAPES, edit) == SHAPES.replace("w + h", "w * h")

    settings = replace(CHATTING, confirm_edits=confirm)
    act(scenario, FIXED, capabilities={**RESOLVING, "workspace": workspace}, settings=settings)


OWN = {
    "title": "Say it politely",
    "prompt": "Be polite.\n---\n{{language}}: {{code}} in {{name}}",
    "kind": "refactor.rewrite.polite",
}


def test_an_action_of_the_users_own() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        action = titled(await listed(client, span(SHAPES, "return w + h")), "Say it politely")
        assert action["kind"] == "refactor.rewrite.polite"
        edit = (await client.result(resolve(client, action)))["edit"]
        assert applied(SHAPES, edit) == SHAPES.replace("w + h", "w + h  # please")

    runtime = act(scenario, "```\nreturn w + h  # please\n```", options={"actions": [OWN]})
    (call,) = runtime.calls
    assert isinstance(call.request, ChatRequest)
    assert [message.content for message in call.request.messages] == [
        "Be polite.",
        "python:         return w + h in area",
    ]


def test_an_own_action_that_answers() -> None:
    own = {"title": "Review", "prompt": "{{code}}", "result": "answer"}

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(SHAPES)
        action = titled(await listed(client, span(SHAPES, "return w + h")), "Review")
        assert action["kind"] == "fimbria.answer"
        params = {
            "command": action["command"]["command"],
            "arguments": action["command"]["arguments"],
        }
        await client.result(client.ask("workspace/executeCommand", params))
        assert await told(client) == "Fine."

    act(scenario, "Fine.", options={"actions": [own]})


def test_a_bad_own_action_is_a_problem_of_the_settings_and_spares_the_others() -> None:
    bad = {"title": "Bad", "prompt": "{{cod}}"}

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        message = await told(client)
        assert "{{cod}} is no placeholder; perhaps {{code}}?; the others are used." in message
        client.open("x = 1\n")
        titles = [action["title"] for action in await listed(client, cursor("x", "x"))]
        assert OWN["title"] in titles
        assert "Bad" not in titles

    act(scenario, options={"actions": [bad, OWN]})
