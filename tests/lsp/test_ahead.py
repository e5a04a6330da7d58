"""What the model computes while nobody waits."""

from __future__ import annotations

import asyncio

import pytest

from lsp_server.settings import Settings
from model_runtime.api import InvalidRequest, Priority, RuntimeUnavailable
from tests.fakes import FakeRuntime
from tests.lsp.client import URI, LspClient, cancelling, changing, replacing
from tests.lsp.sessions import session

GUESSING = Settings(warm_up=False)
WARMING = Settings(guess_ahead=False)


async def suggested(client: LspClient, runtime: FakeRuntime, answer: str) -> str:
    """Ask at the end of the first line and have the model say `answer`; return what is shown."""
    request = client.complete(0, 999)
    (await runtime.next_call()).answer(answer)
    return str((await client.result(request))["items"][0]["insertText"])


async def from_memory(client: LspClient, line: int = 0) -> str | None:
    items = (await client.result(client.complete(line, 999)))["items"]
    return items[0]["insertText"] if items else None


async def ready(client: LspClient, runtime: FakeRuntime, text: str) -> None:
    """Open a file, and have the model be there."""
    client.open(text)
    request = client.complete(0, 999)
    (await runtime.next_call()).answer("")
    await client.result(request)


# Guessing ahead


def test_accepting_shows_at_once_what_comes_next() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = \n")
        assert await suggested(client, runtime, "b") == "b"
        guess = await runtime.next_call()
        assert (guess.request.prompt, guess.request.suffix) == ("a = b", "\n")
        assert guess.request.priority is Priority.IDLE
        assert guess.request.document == runtime.calls[0].request.document
        guess.answer(" + c")
        client.send(changing("b", 0, 4, version=2))
        assert await from_memory(client) == " + c"
        guess = await runtime.next_call()
        assert guess.request.prompt == "a = b + c"

    session(scenario, settings=GUESSING)


def test_a_suggestion_that_takes_the_place_of_a_bracket_is_accepted_with_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("f()\n")
        request = client.complete(0, 2)
        (await runtime.next_call()).answer("a) + b")
        await client.result(request)
        guess = await runtime.next_call()
        assert (guess.request.prompt, guess.request.suffix) == ("f(a) + b", "\n")
        guess.answer("\nc = 1")
        client.send(replacing(2, 3, "a) + b", version=2))
        assert await from_memory(client) == "\nc = 1"

    session(scenario, settings=GUESSING)


def test_a_guess_outlives_typing_along() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await suggested(client, runtime, "bcd")
        guess = await runtime.next_call()
        for typed in range(3):
            client.send(changing("bcd"[typed], 0, 4 + typed, version=2 + typed))
            if typed < 2:
                assert await from_memory(client) == "bcd"[typed + 1 :]
        assert not guess.aborted.is_set()
        guess.answer(" + e")
        await client.settle()
        assert await from_memory(client) == " + e"

    session(scenario, settings=GUESSING)


def test_a_guess_ends_when_the_text_goes_elsewhere() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await suggested(client, runtime, "bcd")
        guess = await runtime.next_call()
        client.send(changing("x", 0, 4, version=2))
        await guess.aborted.wait()
        assert await suggested(client, runtime, "y") == "y"

    session(scenario, settings=GUESSING)


def test_a_request_ends_a_guess_and_takes_over_what_it_has() -> None:
    """Accepted before the guess was ready."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await suggested(client, runtime, "b")
        guess = await runtime.next_call()
        client.send(changing("b", 0, 4, version=2))
        await client.settle()
        assert not guess.aborted.is_set()
        assert await suggested(client, runtime, " + c") == " + c"
        await guess.aborted.wait()

    session(scenario, settings=GUESSING)


def test_a_guess_is_reached_over_a_bracket_that_is_typed_over() -> None:
    """Before the bracket, all that was suggested is there; the model is asked what else."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("x = f\n")
        assert await suggested(client, runtime, "(a)") == "(a)"
        (await runtime.next_call()).answer(" + b")
        client.send(replacing(5, 5, "()", version=2), replacing(6, 6, "a", version=3))
        request = client.complete(0, 7)
        (await runtime.next_call()).answer("")
        assert await client.result(request) == {"items": []}
        client.send(replacing(7, 8, "", version=4), replacing(7, 7, ")", version=5))
        assert await from_memory(client) == " + b"

    session(scenario, settings=GUESSING)


def test_that_nothing_comes_after_accepting_is_known_too() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await suggested(client, runtime, "b")
        (await runtime.next_call()).answer("")
        client.send(changing("b", 0, 4, version=2))
        assert await from_memory(client) is None

    assert len(session(scenario, settings=GUESSING).calls) == 2


@pytest.mark.parametrize("failure", [RuntimeUnavailable("It has ended."), ValueError("boom")])
def test_nobody_hears_of_a_guess_that_fails(failure: Exception) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await suggested(client, runtime, "b")
        (await runtime.next_call()).fail(failure)
        client.send(changing("b", 0, 4, version=2))
        assert await suggested(client, runtime, " + c") == " + c"

    session(scenario, settings=GUESSING)


def test_nothing_is_guessed_where_that_is_switched_off() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await suggested(client, runtime, "b")
        await client.settle()

    options = {"fimbria": {"guessAhead": False}}
    assert len(session(scenario, settings=GUESSING, options=options).calls) == 1


# Reading changes


def test_a_change_is_read_before_anybody_asks() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await ready(client, runtime, "a\nb = 1\nc\n")
        client.send(replacing(4, 5, "", version=2, line=1))
        warm_up = (await runtime.next_call()).request
        assert (warm_up.prompt, warm_up.suffix) == ("a\nb = ", "\nc\n")
        assert (warm_up.max_tokens, warm_up.priority) == (0, Priority.IDLE)
        assert warm_up.document == runtime.calls[0].request.document

    session(scenario, settings=WARMING)


def test_a_line_opened_below_is_read_up_to_its_indentation() -> None:
    """Neovim sends it together with the line break behind it."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await ready(client, runtime, "if a:\n    b\nc\n")
        span = {"start": {"line": 1, "character": 5}, "end": {"line": 2, "character": 0}}
        changes = [{"range": span, "text": "\n    \n"}]
        document = {"uri": URI, "version": 2}
        params = {"textDocument": document, "contentChanges": changes}
        client.notify("textDocument/didChange", params)
        warm_up = (await runtime.next_call()).request
        assert (warm_up.prompt, warm_up.suffix) == ("if a:\n    b\n    ", "\nc\n")

    session(scenario, settings=WARMING)


def test_of_several_changes_the_last_one_is_read_once() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await ready(client, runtime, "a")
        client.send(*(changing("b", 0, 1 + at, version=2 + at) for at in range(5)))
        assert (await runtime.next_call()).request.prompt == "abbbbb"
        assert len(runtime.calls) == 2

    session(scenario, settings=WARMING)


def test_the_next_change_ends_the_reading_of_the_one_before() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await ready(client, runtime, "a")
        client.send(changing("b", 0, 1, version=2))
        first = await runtime.next_call()
        client.send(changing("c", 0, 2, version=3))
        await first.aborted.wait()
        assert (await runtime.next_call()).request.prompt == "abc"

    session(scenario, settings=WARMING)


def test_a_request_takes_the_place_of_reading() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await ready(client, runtime, "a")
        client.send(changing("b", 0, 1, version=2), superseded := client.completing(0, 2))
        call = await runtime.next_call()
        assert (call.request.prompt, call.request.priority) == ("ab", Priority.COMPLETION)
        client.send(changing("c", 0, 2, version=3))
        assert await client.result(superseded["id"]) is None
        warm_up = await runtime.next_call()
        assert warm_up.request.priority is Priority.IDLE
        request = client.complete(0, 3)
        assert (await runtime.next_call()).request.priority is Priority.COMPLETION
        await warm_up.aborted.wait()
        client.send(cancelling(request))
        await client.answer(request)

    session(scenario, settings=WARMING)


def test_who_types_along_leaves_nothing_to_read() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        await suggested(client, runtime, "bcd")
        client.send(changing("b", 0, 4, version=2))
        await client.settle()
        client.send(changing("x", 0, 0, version=3))
        assert (await runtime.next_call()).request.prompt == "x"
        assert len(runtime.calls) == 2

    session(scenario, settings=WARMING)


def test_no_model_is_loaded_because_of_a_change() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.loaded = asyncio.Event()
        await runtime.made.wait()
        client.open("a")
        client.send(changing("b", 0, 1, version=2))
        await client.settle()
        runtime.loaded.set()
        request = client.complete(0, 2)
        call = await runtime.next_call()
        assert call.request.priority is Priority.COMPLETION
        call.answer("")
        await client.result(request)

    assert len(session(scenario, settings=WARMING).calls) == 1


def test_after_a_failure_only_a_request_asks_the_runtime_again() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await ready(client, runtime, "a")
        client.send(changing("b", 0, 1, version=2))
        (await runtime.next_call()).fail(InvalidRequest("max_tokens must be at least 1."))
        client.send(changing("c", 0, 2, version=3))
        request = client.complete(0, 3)
        (await runtime.next_call()).answer("d")
        assert len((await client.result(request))["items"]) == 1
        assert [call.request.max_tokens > 0 for call in runtime.calls] == [True, False, True]

    session(scenario, settings=WARMING)


def test_no_reading_where_the_place_is_unknown_or_closed() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await ready(client, runtime, "a")
        whole = {"textDocument": {"uri": URI, "version": 2}}
        client.notify("textDocument/didChange", {**whole, "contentChanges": [{"text": "new"}]})
        client.notify("textDocument/didClose", whole)
        client.open("b", uri="file:///other.py")
        client.send(changing("c", 0, 1, version=2, uri="file:///other.py"))
        assert (await runtime.next_call()).request.prompt == "bc"
        assert len(runtime.calls) == 2

    session(scenario, settings=WARMING)
