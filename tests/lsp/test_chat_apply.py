"""`fimbria/chat/applyBlock`, in every position encoding, down to the buffer."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lsp_server.chat import applying
from lsp_server.chat.code_blocks import CodeBlock
from lsp_server.documents import Document
from lsp_server.positions import Position, PositionEncoding
from tests.fakes import FakeRuntime
from tests.lsp.chatting import (
    CHATTING_MODEL,
    CONTENT_MODIFIED,
    INVALID_PARAMS,
    REQUEST_FAILED,
    error_of,
    range_json,
    result_of,
)
from tests.lsp.client import URI, LspClient, changing
from tests.lsp.sessions import session
from tests.unit.strategies import naive_offset, naive_units

ANSWER = "Sure:\n\n```python\ndef f():\n    return '😋😋'\n```\n\nor\n\n```python\nx = 1\n```\n"
TEXT = "😋 = 1\r\ndef f():\r\n\treturn '😋'  # 😋\r\n"
VERSIONED = {"workspace": {"workspaceEdit": {"documentChanges": True}}}
ANNOTATED = {
    "workspace": {
        "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {}},
    }
}
Scenario = Callable[[LspClient, dict[str, Any]], Awaitable[None]]


def with_answer(scenario: Scenario, answer: str = ANSWER, **options: Any) -> None:
    """A session in which a document is open and an answer has been given: its conversation and id
    go to the scenario.
    """

    async def whole(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = CHATTING_MODEL
        client.open(TEXT)
        result = await result_of(client, "fimbria/chat", message="Write it.")
        await scenario(
            client,
            {
                "conversation": result["conversation"],
                "message": result["answer"]["id"],
                "textDocument": {"uri": URI, "version": 1},
            },
        )

    session(whole, answer, **{"capabilities": VERSIONED, **options})


def applied(text: str, edit: dict[str, Any], encoding: PositionEncoding) -> str:
    """The buffer after the editor has applied an edit of its only document."""
    (document,) = edit["documentChanges"]
    assert document["textDocument"] == {"uri": URI, "version": 1}
    spans = [
        (
            *(
                naive_offset(text, Position(at["line"], at["character"]), encoding)
                for at in (each["range"]["start"], each["range"]["end"])
            ),
            each["newText"],
        )
        for each in document["edits"]
    ]
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


@pytest.mark.parametrize("encoding", PositionEncoding)
def test_a_block_goes_where_it_belongs(encoding: PositionEncoding) -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        result = await result_of(client, "fimbria/chat/applyBlock", **given, block=0, mode="diff")
        expected = TEXT.replace("\treturn '😋'  # 😋", "\treturn '😋😋'")
        assert applied(TEXT, result["edit"], encoding) == expected

    with_answer(scenario, encoding=encoding.value)


@pytest.mark.parametrize("encoding", PositionEncoding)
def test_a_block_is_inserted_at_the_cursor(encoding: PositionEncoding) -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        cursor = {"line": 0, "character": naive_units("😋", encoding)}
        result = await result_of(
            client, "fimbria/chat/applyBlock", **given, block=1, mode="insert", position=cursor
        )
        assert applied(TEXT, result["edit"], encoding) == TEXT.replace("😋 = 1", "😋x = 1 = 1")

    with_answer(scenario, encoding=encoding.value)


def test_a_block_takes_the_place_of_a_selection() -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        span = range_json((0, 0), (1, 0))
        result = await result_of(
            client, "fimbria/chat/applyBlock", **given, block=1, mode="replace", range=span
        )
        expected = TEXT.replace("😋 = 1", "x = 1")
        assert applied(TEXT, result["edit"], PositionEncoding.UTF16) == expected

    with_answer(scenario)


def test_code_that_a_client_has_found_itself() -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        result = await result_of(
            client,
            "fimbria/chat/applyBlock",
            textDocument={"uri": URI},
            code="def f():\r\n    return 2\r\n",
            mode="diff",
        )
        buffer = applied(TEXT, result["edit"], PositionEncoding.UTF16)
        assert buffer.endswith("def f():\r\n\treturn 2\r\n")

    with_answer(scenario)


def test_a_diff_is_confirmed_where_the_editor_can() -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        result = await result_of(client, "fimbria/chat/applyBlock", **given, block=0, mode="diff")
        (annotation,) = result["edit"]["changeAnnotations"].values()
        assert annotation["needsConfirmation"] is True

    with_answer(scenario, capabilities=ANNOTATED)


def test_editors_that_know_no_versions_get_plain_edits() -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        result = await result_of(client, "fimbria/chat/applyBlock", **given, block=0, mode="diff")
        assert list(result["edit"]["changes"]) == [URI]

    with_answer(scenario, capabilities={})


@pytest.mark.parametrize("is_applied", [True, False])
def test_the_editor_is_asked_to_apply_it(is_applied: bool) -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        request = client.ask(
            "fimbria/chat/applyBlock", {**given, "block": 0, "mode": "diff", "apply": True}
        )
        asked = await client.take("workspace/applyEdit")
        assert "documentChanges" in asked["params"]["edit"]
        reply = {"applied": is_applied, "failureReason": None if is_applied else "It is read-only"}
        client.send({"id": asked["id"], "result": reply})
        answer = await client.answer(request)
        if is_applied:
            assert answer["result"] == {"edit": None}
        else:
            assert answer["error"]["code"] == REQUEST_FAILED
            assert "read-only" in answer["error"]["message"]

    with_answer(scenario)


def test_an_edit_is_for_the_text_that_the_client_has_seen() -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        client.send(changing("y", 0, 0, version=2))
        params = {**given, "block": 0, "mode": "diff"}
        error = await error_of(client, "fimbria/chat/applyBlock", params)
        assert error["code"] == CONTENT_MODIFIED

    with_answer(scenario)


def test_a_large_file_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is typed in meanwhile stays as it is."""
    has_typed, merged = threading.Event(), applying.merged

    def slow(block: CodeBlock, document: Document) -> applying.Changes:
        assert has_typed.wait(30), "nothing else was answered meanwhile"
        return merged(block, document)

    monkeypatch.setattr(applying, "merged", slow)

    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        params = {**given, "block": 0, "mode": "diff"}
        request = client.ask("fimbria/chat/applyBlock", params)
        client.send(changing("y", 0, 0, version=2))
        assert await result_of(client, "fimbria/chat/status")
        has_typed.set()
        assert (await client.answer(request))["error"]["code"] == CONTENT_MODIFIED

    with_answer(scenario)


@pytest.mark.parametrize(
    ("changed", "code", "names"),
    [
        ({"mode": "guess"}, INVALID_PARAMS, "mode"),
        ({"mode": "insert"}, INVALID_PARAMS, "position"),
        ({"mode": "replace"}, INVALID_PARAMS, "range"),
        ({"block": 2}, INVALID_PARAMS, "block"),
        ({"block": -1}, INVALID_PARAMS, "block"),
        ({"message": "0"}, INVALID_PARAMS, "message"),
        ({"conversation": "0" * 16}, INVALID_PARAMS, "conversation"),
        ({"textDocument": None}, INVALID_PARAMS, "textDocument"),
        ({"textDocument": {"uri": "file:///other.py"}}, REQUEST_FAILED, "not open"),
        ({"block": 1}, REQUEST_FAILED, "not clear"),
        ({"code": "def f():\n    return (\n"}, REQUEST_FAILED, "not clear"),
        ({"code": "  \n"}, INVALID_PARAMS, "code"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_changed(
    changed: dict[str, Any], code: int, names: str
) -> None:
    async def scenario(client: LspClient, given: dict[str, Any]) -> None:
        params = {**given, "block": 0, "mode": "diff", **changed}
        error = await error_of(client, "fimbria/chat/applyBlock", params)
        assert error["code"] == code
        assert names in error["message"]

    with_answer(scenario)
