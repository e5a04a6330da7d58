"""Which actions are listed: only what can be done here, and without asking the model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from lsp_server.settings import Settings
from model_runtime.api import Capability, ModelInfo
from tests.fakes import MODEL, FakeRuntime
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
from tests.lsp.client import LspClient
from tests.lsp.sessions import session

Scenario = Callable[[LspClient, FakeRuntime], Awaitable[None]]

TEXT = "SIZE = 4\n\n\ndef area(w, h):\n    return w + h\n"
WARM = Settings(guess_ahead=False)
ALL = [
    "Fix: wrong",
    "Explain area",
    "Simplify area",
    "Add type annotations to area",
    "Write tests for area",
    "Write a docstring for area",
]


def act(
    scenario: Scenario, answer: str | Exception | None = None, **options: object
) -> FakeRuntime:
    more = {"settings": CHATTING, "capabilities": RESOLVING} | options
    return session(scenario, answer, **more)  # type: ignore[arg-type]


def titles_of(
    text: str = TEXT,
    before: str = "return",
    *,
    model: ModelInfo | None = None,
    settings: Settings = CHATTING,
    selected: str = "",
    problem: bool = True,
    **context: Any,
) -> list[str]:
    """The titles listed at a place; no request may reach the model."""
    titles: list[str] = []

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        if model is not None:
            runtime.model = model
            await runtime.made.wait()
            await client.settle()
        client.open(text)
        at = span(text, selected) if selected else cursor(text, before)
        problems = [diagnostic(at, "wrong\nand more")] if problem else []
        actions = await listed(client, at, problems, **context)
        titles.extend(action["title"] for action in actions)

    runtime = act(scenario, settings=settings)
    assert runtime.calls == []
    return titles


def test_all_that_a_model_that_chats_can_do() -> None:
    assert titles_of() == ALL


@pytest.mark.parametrize(
    ("body", "complete"),
    [
        ("return w + h", False),
        ("raise ValueError(w)", False),
        ("pass", True),
        ("...", True),
        ("raise NotImplementedError", True),
        ("total = w", True),
        ("return w  # TODO: and h", True),
        ("return w +", True),
    ],
)
def test_only_what_is_not_finished_can_be_completed(body: str, complete: bool) -> None:
    titles = titles_of(f"def area(w, h):\n    {body}\n", body)
    assert ("Complete area" in titles) is complete


def test_a_model_that_only_fills_in_writes_docstrings() -> None:
    assert titles_of(model=MODEL, settings=WARM) == ["Write a docstring for area"]


def test_who_asks_for_actions_is_told_once_what_brings_more() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await runtime.made.wait()
        await client.settle()
        client.open(TEXT)
        at = cursor(TEXT, "return")
        await listed(client, at, triggerKind=2)
        await listed(client, at, triggerKind=1, only=["source.organizeImports"])
        for _ in range(2):
            assert len(await listed(client, at, triggerKind=1)) == 1
        message = await told(client)
        assert "fake does not chat: set chat_model to" in message

    act(scenario, settings=WARM)


def test_who_asks_for_one_action_is_told_each_time_what_it_needs() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await runtime.made.wait()
        await client.settle()
        client.open(TEXT)
        for _ in range(2):
            at = cursor(TEXT, "return")
            assert await listed(client, at, triggerKind=1, only=["fimbria.tests"]) == []
            message = (await client.take("window/showMessage"))["params"]
            assert message["type"] == 2
            assert message["message"].startswith("Fimbria: fake does not chat: set chat_model to")

    act(scenario, settings=WARM)


def test_a_model_that_only_continues_does_nothing() -> None:
    base = replace(MODEL, capabilities=frozenset({Capability.COMPLETION}))
    assert titles_of(model=base, settings=WARM) == []


def test_a_model_that_chats_itself() -> None:
    model = replace(MODEL, capabilities=MODEL.capabilities | {Capability.CHAT})
    assert titles_of(model=model, settings=WARM) == ALL


@pytest.mark.parametrize(
    ("only", "titles"),
    [
        ("quickfix", ALL[:1]),
        ("refactor", [ALL[2], ALL[3], ALL[5]]),
        ("refactor.rewrite.docstring", ALL[5:]),
        ("fimbria", [ALL[1], ALL[4]]),
        ("source.organizeImports", []),
        ("refactor.rew", []),
        ("", ALL),
    ],
)
def test_only_the_kinds_that_are_asked_for(only: str, titles: list[str]) -> None:
    assert titles_of(only=[only]) == titles


def test_a_lightbulb_is_for_problems_and_selections() -> None:
    assert titles_of(triggerKind=2) == ALL[:1]
    assert titles_of(triggerKind=2, problem=False) == []
    assert "Explain this" in titles_of(triggerKind=2, selected="return w")
    assert titles_of(triggerKind=1) == ALL


def test_outside_of_definitions_there_is_nothing_to_do_without_a_selection() -> None:
    assert titles_of(before="SIZE", problem=False) == []
    assert titles_of(selected="SIZE = 4", problem=False) == [
        "Explain this",
        "Simplify this",
        "Add type annotations to this",
    ]


def test_a_docstring_is_for_the_definition_at_the_start_of_a_selection() -> None:
    text = "class A:\n    def f(self): ...\n    def g(self): ...\n"
    titles = titles_of(text, selected="f(self): ...\n    def g", problem=False)
    assert "Write a docstring for f" in titles


def test_a_large_file_is_not_parsed_for_a_list() -> None:
    text = TEXT + "filling = 1\n" * 2000
    titles = titles_of(text, problem=False)
    assert "Complete this function" in titles
    assert "Write a docstring for this" in titles


def test_the_next_list_for_a_large_file_knows_what_is_there() -> None:
    text = TEXT + "filling = 1\n" * 2000

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        titles: list[str] = []
        while "Explain area" not in titles:
            titles = [action["title"] for action in await listed(client, cursor(text, "return"))]
        without = [action["title"] for action in await listed(client, cursor(text, "SIZE"))]
        assert not any(title.startswith("Complete") for title in without)

    act(scenario)


def test_without_a_function_at_the_cursor_a_large_file_says_so_later() -> None:
    text = TEXT + "filling = 1\n" * 2000

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        actions = await listed(client, cursor(text, "SIZE"))
        assert "edit" not in await client.result(resolve(client, titled(actions, "Complete")))
        assert "no function or class at the cursor" in await told(client)

    assert act(scenario).calls == []


def test_a_file_that_is_not_open_has_no_actions() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        assert await listed(client, cursor("a", "a"), uri="file:///unknown") == []

    act(scenario)


def test_what_is_announced() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        announced = client.capabilities["codeActionProvider"]
        assert announced["resolveProvider"] is True
        assert "quickfix" in announced["codeActionKinds"]

    act(scenario)


EMPTY_DOCSTRING = TEXT.replace("    return", '    """"""\n    return')


@pytest.mark.parametrize(("text", "at"), [(TEXT, "return"), (EMPTY_DOCSTRING, '"""\n')])
def test_a_docstring_by_a_model_that_only_fills_in(text: str, at: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await runtime.made.wait()
        await client.settle()
        client.open(text)
        actions = await listed(client, cursor(text, at))
        request = resolve(client, titled(actions, "Write a docstring for area"))
        lines = applied(text, (await client.result(request))["edit"]).split("\n")
        assert lines[3:5] == ["def area(w, h):", '    """Return the area of a rectangle.']
        assert lines[-2] == "    return w + h"

    runtime = act(scenario, "Return the area of a rectangle.", settings=WARM)
    assert runtime.calls
    assert all("def area" in call.request.prompt for call in runtime.calls)  # type: ignore[union-attr]


@pytest.mark.parametrize(("style", "says"), [("google", "Args:"), ("sphinx", ":param w:")])
def test_a_docstring_in_the_style_of_the_settings(style: str, says: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(TEXT)
        actions = await listed(client, cursor(TEXT, "return"))
        request = resolve(client, titled(actions, "Write a docstring"))
        assert says in applied(TEXT, (await client.result(request))["edit"])

    act(scenario, "The area.", settings=replace(CHATTING, docstring_style=style))


JAVASCRIPT = "class A {\n  area(w, h) {\n    return w * h;\n  }\n}\n"


@pytest.mark.parametrize("comment", ["", "  /**\n   *\n   */\n", "  /** */\n"])
def test_a_doc_comment_in_another_language(comment: str) -> None:
    text = JAVASCRIPT.replace("  area", f"{comment}  area")
    uri = "file:///project/a.js"
    document = {"uri": uri, "languageId": "javascript", "version": 1, "text": text}

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.notify("textDocument/didOpen", {"textDocument": document})
        actions = await listed(client, cursor(text, "*" if comment else "return"), uri=uri)
        request = resolve(client, titled(actions, "Write a docstring for area"))
        documented = applied(text, (await client.result(request))["edit"], uri=uri)
        assert documented.startswith("class A {\n  /**\n   * The area.")
        assert documented.endswith("   */\n" + JAVASCRIPT.removeprefix("class A {\n"))

    act(scenario, "The area.")


def test_a_docstring_by_a_model_that_chats() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(TEXT)
        actions = await listed(client, cursor(TEXT, "return"))
        request = resolve(client, titled(actions, "Write a docstring"))
        edit = (await client.result(request))["edit"]
        assert '"""Return the area of a rectangle.' in applied(TEXT, edit)

    act(scenario, "Return the area of a rectangle.\n")


def test_cells_of_notebooks_are_documents() -> None:
    uri = "vscode-notebook-cell:/project/a.ipynb#X1"
    cell = {"uri": uri, "languageId": "python", "version": 1, "text": TEXT}
    notebook = {
        "notebookDocument": {
            "uri": "file:///project/a.ipynb",
            "notebookType": "jupyter-notebook",
            "version": 1,
            "cells": [{"kind": 2, "document": uri}],
        },
        "cellTextDocuments": [cell],
    }

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.notify("notebookDocument/didOpen", notebook)
        actions = await listed(client, cursor(TEXT, "return"), uri=uri)
        request = resolve(client, titled(actions, "Simplify area"))
        edit = (await client.result(request))["edit"]
        assert applied(TEXT, edit, uri=uri) == TEXT.replace("w + h", "w * h")

    act(scenario, "```\ndef area(w, h):\n    return w * h\n```")


def test_a_file_of_secrets_stays_on_this_machine() -> None:
    uri, text = "file:///project/.env", "KEY = 1\nOTHER = 2\n"

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text, uri=uri)
        action = titled(await listed(client, span(text, "KEY = 1"), uri=uri), "Simplify")
        await client.result(resolve(client, action))
        assert "looks like one of secrets" in await told(client)

    endpoint = replace(CHATTING, chat_endpoint="https://engine.example/v1")
    assert act(scenario, settings=endpoint).calls == []
