"""Suggestions in the completion menu of editors that know no ghost text."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from lsp_server.positions import PositionEncoding
from lsp_server.server import make_server
from model_runtime.api import Chunk, Event, Finished, FinishReason, Timings, Usage
from tests.fakes import MODEL, FakeRuntime
from tests.lsp.client import LspClient, changing, in_process, play
from tests.lsp.sessions import ONLY_WHEN_ASKED, apply_item, cursor_of, session

NO_GHOST_TEXT = {"textDocument": {}}
URI = "file:///project/example.py"


def asking(client: LspClient, line: int, character: int, uri: str = URI) -> int:
    position = {"line": line, "character": character}
    params = {"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": 1}}
    return client.ask("textDocument/completion", params)


def entry(fixture: str, answer: str, encoding: PositionEncoding) -> tuple[str, Any]:
    """The text and the only entry of the menu at its cursor."""
    text, cursor = cursor_of(fixture, encoding)
    found: list[Any] = []

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        menu = await client.result(asking(client, cursor.line, cursor.character))
        assert menu["isIncomplete"]
        found.extend(menu["items"])

    session(scenario, answer, encoding=encoding.value, capabilities=NO_GHOST_TEXT)
    (item,) = found
    return text, item


@pytest.mark.parametrize("encoding", PositionEncoding)
@pytest.mark.parametrize(
    ("fixture", "answer", "expected"),
    [
        ("x = ‸\n", "foo(1)", "x = foo(1)‸\n"),
        ("y = '😋'; res = comp‸\n", "ute(y)", "y = '😋'; res = compute(y)‸\n"),
        ("\tö = grö‸\r\n", "ße", "\tö = größe‸\r\n"),
        ("f(a‸)\n", "b, c)", "f(ab, c‸)\n"),
        ("def f():\r\n    ‸\r\n", "a = 1\n    b", "def f():\r\n    a = 1\r\n    b‸\r\n"),
    ],
)
def test_accepting_an_entry(
    fixture: str, answer: str, expected: str, encoding: PositionEncoding
) -> None:
    text, item = entry(fixture, answer, encoding)
    edit = item["textEdit"]
    as_inline = {"range": edit["range"], "insertText": edit["newText"]}
    assert apply_item(text, as_inline, encoding) == expected
    assert edit["newText"] == item["filterText"]


def test_what_the_menu_shows() -> None:
    _, item = entry("res = comp‸\n", "ute(\n    1,\n)", PositionEncoding.UTF16)
    assert item["label"] == "compute(…"
    assert item["detail"] == "Fimbria"
    assert item["documentation"]["value"] == "```python\ncompute(\n    1,\n)\n```"
    _, item = entry("‸# x", "y" * 99, PositionEncoding.UTF16)
    assert item["label"] == "y" * 60 + "…"


def test_where_there_is_ghost_text_the_menu_is_left_alone() -> None:
    async def ghost(client: LspClient, runtime: FakeRuntime) -> None:
        assert "completionProvider" not in client.capabilities

    async def menu(client: LspClient, runtime: FakeRuntime) -> None:
        assert "." in client.capabilities["completionProvider"]["triggerCharacters"]

    session(ghost)
    session(menu, options={"fimbria": {"completionMenu": "on"}})
    session(menu, capabilities=NO_GHOST_TEXT)
    off = {"fimbria": {"completionMenu": "off"}}
    session(ghost, capabilities=NO_GHOST_TEXT, options=off)


def test_a_question_that_is_out_of_date_leaves_the_menu_incomplete() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("x = ")
        early = asking(client, 0, 4)
        await runtime.next_call()
        client.send(changing("y", 0, 4, version=2))
        late = asking(client, 0, 5)
        assert await client.result(early) == {"isIncomplete": True, "items": []}
        (await runtime.next_call()).answer(" + 1")
        assert len((await client.result(late))["items"]) == 1
        unknown = asking(client, 0, 0, uri="file:///unknown.py")
        assert (await client.result(unknown))["items"] == []

    session(scenario, capabilities=NO_GHOST_TEXT)


@pytest.mark.parametrize(("client_name", "texts"), [("Eglot", ["foo(1)"]), ("helix", [])])
def test_who_asks_by_hand_gets_also_what_the_model_is_not_sure_of(
    client_name: str, texts: list[str]
) -> None:
    """Eglot asks for a completion when its user does, other editors while somebody types, too."""

    async def unsure(_: object) -> AsyncGenerator[Event, None]:
        yield Chunk("foo(1)", logprobs=(-3.0,))
        yield Finished(FinishReason.STOP, Usage(8, 0, 4), Timings(0.0, 1.0, 2.0))

    async def whole() -> None:
        runtime = FakeRuntime()
        runtime.model = replace(MODEL, min_token_logprob=-1.0)
        runtime.stream = unsure  # type: ignore[method-assign]
        async with in_process(make_server(runtime.factory, ONLY_WHEN_ASKED)) as client:
            await client.start(capabilities=NO_GHOST_TEXT, client_name=client_name)
            client.open("x = \n")
            menu = await client.result(asking(client, 0, 4))
        assert [item["textEdit"]["newText"] for item in menu["items"]] == texts

    play(whole())
