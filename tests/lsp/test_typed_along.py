"""What is answered from memory, and what the model is told of it otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from lsp_server.positions import PositionEncoding
from model_runtime.api import Chunk, CompletionRequest, Event
from tests.fakes import FakeRuntime
from tests.lsp.client import LspClient, cancelling, changing, replacing
from tests.lsp.sessions import apply_item, session


async def ghost(client: LspClient, line: int, character: int) -> str | None:
    """The text that is shown now; None if nothing is."""
    result = await client.result(client.complete(line, character))
    return result["items"][0]["insertText"] if result["items"] else None


def drafts(runtime: FakeRuntime) -> tuple[str, ...]:
    """What the last request brought along."""
    return runtime.calls[-1].request.drafts


def test_who_types_along_needs_no_model() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        assert await ghost(client, 0, 4) == "b + c"
        for typed, rest in [(1, " + c"), (2, "+ c"), (3, " c")]:
            client.send(changing("b + c"[typed - 1], 0, 3 + typed, version=1 + typed))
            assert await ghost(client, 0, 4 + typed) == rest
        client.send(replacing(6, 7, "", version=5))
        assert await ghost(client, 0, 6) == "+ c"

    assert len(session(scenario, "b + c").calls) == 1


def test_brackets_that_close_themselves_are_typed_along() -> None:
    text = "print\n"

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        assert await ghost(client, 0, 5) == "('a') or b"
        client.send(replacing(5, 5, "()", version=2))
        assert await ghost(client, 0, 6) == "'a') or b"
        client.send(replacing(6, 6, "''", version=3))
        (item,) = (await client.result(client.complete(0, 7)))["items"]
        accepted = apply_item("print('')\n", item, PositionEncoding.UTF16)
        assert accepted == "print('a') or b‸\n"

    assert len(session(scenario, "('a') or b").calls) == 1


def test_typing_along_over_a_line_break_of_the_document() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("def f():\r\n")
        assert await ghost(client, 0, 8) == "\r\n    a = 1\r\n    return a"
        client.send(replacing(8, 8, "\r\n    ", version=2))
        assert await ghost(client, 1, 4) == "a = 1\r\n    return a"

    assert len(session(scenario, "\n    a = 1\n    return a\n\nb").calls) == 1


def test_typing_along_in_a_completion_menu() -> None:
    """The selected entry is the beginning of what was suggested."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("os.p")
        assert await ghost(client, 0, 4) == "ath.join(a)"
        span = {"start": {"line": 0, "character": 3}, "end": {"line": 0, "character": 4}}
        message = client.completing(0, 4)
        message["params"]["context"]["selectedCompletionInfo"] = {"range": span, "text": "path"}
        client.send(message)
        (item,) = (await client.result(message["id"]))["items"]
        assert (item["insertText"], item["range"]) == ("path.join(a)", span)

    assert len(session(scenario, "ath.join(a)").calls) == 1


@pytest.mark.parametrize("answer", ["", " + b", " + b\nc = d"])
def test_nothing_to_say_needs_no_model_a_second_time(answer: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a + b")
        assert await ghost(client, 0, 1) is None
        assert await ghost(client, 0, 1) is None

    assert len(session(scenario, answer).calls) == 1


def test_what_is_left_of_a_suggestion_is_a_draft_for_who_departs_from_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await ghost(client, 0, 4)
        client.send(changing("x", 0, 4, version=2))
        await ghost(client, 0, 5)
        assert drafts(runtime) == ("irst + second",)

    session(scenario, "first + second")


def test_what_an_aborted_request_has_written_is_a_draft() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        requests: list[CompletionRequest] = []
        has_begun = asyncio.Event()

        async def stream(request: CompletionRequest) -> AsyncGenerator[Event, None]:
            requests.append(request)
            yield Chunk("value +")
            has_begun.set()
            await asyncio.Event().wait()

        runtime.stream = stream  # type: ignore[method-assign]
        client.open("a = ")
        older = client.complete(0, 4)
        await has_begun.wait()
        client.send(changing("v", 0, 4, version=2))
        assert await client.result(older) is None
        has_begun.clear()
        newer = client.complete(0, 5)
        await has_begun.wait()
        client.send(cancelling(newer))
        await client.answer(newer)
        assert [request.drafts for request in requests] == [(), ("alue +",)]

    session(scenario)


def test_who_asks_for_it_asks_the_model_with_what_is_known_as_a_draft() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await ghost(client, 0, 4)
        client.send(again := client.completing(0, 4, automatic=False))
        await client.result(again["id"])
        assert drafts(runtime) == ("b + c",)

    assert len(session(scenario, "b + c").calls) == 2


@pytest.mark.parametrize("one_by_one", [True, False])
def test_deleted_text_is_a_draft_where_it_was(one_by_one: bool) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a\nx = value")
        await ghost(client, 0, 1)  # from here on the model is there
        starts = [8, 7, 6, 5, 4] if one_by_one else [4]
        for version, start in enumerate(starts, 2):
            end = start + 1 if one_by_one else 9
            client.send(replacing(start, end, "", version=version, line=1))
        await ghost(client, 1, 4)
        assert drafts(runtime) == ("value",)
        client.send(changing("v", 1, 4, version=20))
        await client.result(client.complete(1, 5))
        assert drafts(runtime)[-1] == "alue"

    session(scenario, "1")


def test_what_is_typed_over_a_selection_may_be_its_beginning() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a\nx = value")
        await ghost(client, 0, 1)
        client.send(replacing(4, 9, "v", version=2, line=1))
        await ghost(client, 1, 5)
        assert drafts(runtime) == ("alue",)

    session(scenario, "1")


def test_another_document_and_a_reopened_one_begin_anew() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await ghost(client, 0, 4)
        client.open("a = ", uri="file:///other.py")
        await client.result(client.complete(0, 4, uri="file:///other.py"))
        client.open("a = ", version=2)
        await ghost(client, 0, 4)

    runtime = session(scenario, "b")
    assert [call.request.drafts for call in runtime.calls] == [(), (), ()]
