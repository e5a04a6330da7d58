"""Who gets which answer when requests, changes and failures cross each other. Nothing sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from model_runtime.api import Chunk, Event, RuntimeUnavailable
from tests.fakes import FakeRuntime
from tests.lsp.client import URI, LspClient, cancelling, changing
from tests.lsp.sessions import session

OTHER = "file:///other.py"


def test_a_newer_request_ends_the_older_one_at_once() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        older = client.complete(0, 1)
        first = await runtime.next_call()
        newer = client.complete(0, 1)
        assert await client.result(older) is None
        await first.aborted.wait()
        (await runtime.next_call()).answer("b")
        assert (await client.result(newer))["items"][0]["insertText"] == "b"

    session(scenario)


def test_requests_for_other_documents_go_on() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        client.open("b", uri=OTHER)
        one, other = client.complete(0, 1), client.complete(0, 1, uri=OTHER)
        first, second = await runtime.next_call(), await runtime.next_call()
        second.answer("2")
        assert (await client.result(other))["items"][0]["insertText"] == "2"
        assert not client.is_answered(one)
        first.answer("1")
        assert (await client.result(one))["items"][0]["insertText"] == "1"

    session(scenario)


def test_many_requests_in_one_write_all_get_one_answer() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        requests = [client.completing(0, 1) for _ in range(20)]
        client.send(*requests)
        for request in requests[:-1]:
            assert await client.result(request["id"]) is None
        while runtime.calls[-1:] != [call := await runtime.next_call()]:
            await call.aborted.wait()
        call.answer("b")
        assert len((await client.result(requests[-1]["id"]))["items"]) == 1

    session(scenario)


def test_a_change_ends_the_request_before_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        call = await runtime.next_call()
        client.send(changing("b", 0, 1, version=2))
        assert await client.result(request) is None
        await call.aborted.wait()

    session(scenario)


def test_a_handler_sees_the_text_of_its_place_in_the_order() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        before, after = client.completing(0, 9), client.completing(0, 9)
        client.send(before, changing("b", 0, 1, 2), changing("c", 0, 2, 3), after)
        assert await client.result(before["id"]) is None
        while (call := await runtime.next_call()).request.prompt != "abc":
            assert call.request.prompt == "a"
        call.answer("d")
        span = {"line": 0, "character": 3}
        (item,) = (await client.result(after["id"]))["items"]
        assert item == {"insertText": "d", "range": {"start": span, "end": span}}

    session(scenario)


def test_an_answer_that_arrives_with_the_next_change_is_not_shown() -> None:
    """The runtime is done, but the document moves on before the handler does."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        (await runtime.next_call()).answer("b")
        client.send(changing("c", 0, 1, version=2))
        assert await client.result(request) is None

    session(scenario)


def test_cancelling_aborts_in_the_runtime() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        call = await runtime.next_call()
        client.send(cancelling(request))
        assert (await client.answer(request))["error"]["code"] == -32800
        await call.aborted.wait()

    session(scenario)


def test_cancelling_in_the_same_write() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.completing(0, 1)
        client.send(request, cancelling(request["id"]))
        assert (await client.answer(request["id"]))["error"]["code"] == -32800

    session(scenario)


def test_cancelling_what_has_been_answered_changes_nothing() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        await client.result(request)
        client.send(cancelling(request), cancelling("never asked"))
        assert len((await client.result(client.complete(0, 1)))["items"]) == 1

    session(scenario, "b")


@pytest.mark.parametrize("method", ["textDocument/didClose", "textDocument/didOpen"])
def test_closing_or_reopening_ends_the_request(method: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        call = await runtime.next_call()
        document = {"uri": URI, "languageId": "python", "version": 1, "text": "a"}
        client.notify(method, {"textDocument": document})
        assert await client.result(request) is None
        await call.aborted.wait()

    session(scenario)


def test_shutting_down_answers_what_is_pending() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        call = await runtime.next_call()
        await client.finish()
        await call.aborted.wait()
        answer = await client.answer(request)
        assert answer.get("result", "error") is None or answer["error"]["code"] == -32800

    assert session(scenario).num_closed >= 1


def test_a_crash_of_the_runtime_while_superseded_is_nobodys_answer() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        older = client.complete(0, 1)
        call = await runtime.next_call()
        newer = client.completing(0, 1)
        client.send(newer)
        call.fail(RuntimeUnavailable("The daemon has ended.", "Look into its log."))
        assert await client.result(older) in (None, {"items": []})
        (await runtime.next_call()).answer("b")
        assert len((await client.result(newer["id"]))["items"]) == 1
        client.unread.clear()

    session(scenario)


def test_work_that_ends_slowly_holds_up_no_answer() -> None:
    """An abort may take its time; the superseded request is answered before."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        released = asyncio.Event()

        async def stream(_request: object) -> AsyncGenerator[Event, None]:
            try:
                await asyncio.Event().wait()
                yield Chunk("never")
            finally:
                await released.wait()

        runtime.stream = stream  # type: ignore[method-assign]
        client.open("a")
        older = client.complete(0, 1)
        await client.settle()
        newer = client.complete(0, 1)
        assert await client.result(older) is None
        client.send(changing("b", 0, 1, version=2))
        assert await client.result(newer) is None
        released.set()

    session(scenario)
