"""Every way in which an engine that speaks OpenAI's API may misbehave: one clear error."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from aiohttp import web

from model_runtime.api import (
    Event,
    Finished,
    FinishReason,
    InvalidRequest,
    ModelNotFound,
    RuntimeFailure,
    RuntimeUnavailable,
)
from model_runtime.openai_runtime import OpenAIRuntime
from tests.daemon.chatting import CHAT
from tests.daemon.openai_engines import (
    Engine,
    Handler,
    end,
    events_of,
    last_of,
    piece,
    refusing,
    sse,
    streamed,
    text_of,
    with_engine,
)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusing(401, {"error": {"message": "No key."}}), RuntimeFailure, "refuses the key.*No k"),
        (refusing(403, "<html>"), RuntimeFailure, "refuses the key.$"),
        (refusing(404, {"error": {"message": 'model "x" not found'}}), ModelNotFound, "first"),
        (refusing(404, {"detail": "Not Found"}), RuntimeFailure, "no chat at"),
        (refusing(307, ""), RuntimeFailure, "redirect"),
        (refusing(400, {"detail": "Too\nlong."}), InvalidRequest, r"400.*It says: Too long\."),
        (refusing(429, {"error": "Slow down."}), RuntimeUnavailable, r"too much.*Slow down\."),
        (refusing(500, "<html>Oops</html>"), RuntimeUnavailable, r"failed \(HTTP 500\)\.$"),
        (refusing(503, {"error": {"message": "Loading"}}), RuntimeUnavailable, "503.*Loading"),
        (refusing(500, [[[]]]), RuntimeUnavailable, "HTTP 500"),
        (refusing(200, "<html>Welcome!</html>"), RuntimeFailure, "is not OpenAI's API"),
        (streamed("data: {nonsense\n\n"), RuntimeFailure, "is not OpenAI's API"),
        (streamed("data: [1]\n\n"), RuntimeFailure, "is not OpenAI's API"),
        (streamed({"choices": [7]}), RuntimeFailure, "is not OpenAI's API"),
        (streamed({"choices": [{"delta": {"content": 7}}]}), RuntimeFailure, "is not OpenAI's"),
        (streamed("data: " + "x" * 3_000_000 + "\n\n"), RuntimeFailure, "is not OpenAI's API"),
        (streamed(piece("a"), {"error": "Kaput."}), RuntimeFailure, "in the middle.*Kaput"),
        (streamed(piece("a"), {"object": "error", "message": "No."}), RuntimeFailure, "says: No"),
        (streamed(piece("a"), done=False), RuntimeUnavailable, "broke off in the middle"),
        (streamed(done=False), RuntimeUnavailable, "broke off in the middle"),
    ],
)
def test_a_misbehaving_engine_gets_one_clear_error(
    answer: Handler, kind: type[RuntimeFailure], words: str
) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        for ask in (events_of(runtime), runtime.complete(CHAT)):
            with pytest.raises(RuntimeFailure) as caught:
                await ask
            assert type(caught.value) is kind
            assert re.search(words, caught.value.message)
            assert "http://127.0.0.1:" in caught.value.message
            assert caught.value.hint
            assert "\n" not in str(caught.value)

    with_engine(Engine(answer), use)


def test_a_connection_cut_in_mid_answer() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices":[{"delta":{"content":"yes"}}]}\n\n')
        assert request.transport is not None
        request.transport.abort()
        return response

    async def use(runtime: OpenAIRuntime) -> None:
        got: list[Event] = []

        async def read() -> None:
            async for event in runtime.stream(CHAT):
                got.append(event)  # noqa: PERF401 - what came before the failure counts

        with pytest.raises(RuntimeUnavailable, match="broke off in the middle"):
            await read()
        assert not any(isinstance(event, Finished) for event in got)

    with_engine(Engine(cut), use)


def test_an_engine_that_never_answers() -> None:
    async def wait(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def use(runtime: OpenAIRuntime) -> None:
        for ask in (events_of(runtime), runtime.complete(CHAT)):
            with pytest.raises(RuntimeUnavailable, match=r"has said nothing for 0\.05 s"):
                await ask

    with_engine(Engine(wait), use, silence_s=0.05)

    async def listing(runtime: OpenAIRuntime) -> None:
        with pytest.raises(RuntimeUnavailable, match="has said nothing"):
            await runtime.info()

    with_engine(Engine(wait, models=wait), listing, silence_s=0.05)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/v1", "http://no such host/v1", "http://["])
def test_no_engine_at_all(url: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def check() -> None:
        runtime = OpenAIRuntime(url.format(port), api_key="secret")
        for ask in (runtime.info(), runtime.complete(CHAT), events_of(runtime)):
            with pytest.raises(RuntimeUnavailable) as caught:
                await ask
            assert "chat_endpoint" in caught.value.hint
            assert "secret" not in str(caught.value)
        await runtime.close()

    asyncio.run(check())


def test_a_refused_key_is_told_before_anything_is_asked() -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        for ask in (runtime.info(), runtime.complete(CHAT)):
            with pytest.raises(RuntimeFailure, match="refuses the key") as caught:
                await ask
            assert "FIMBRIA_CHAT_API_KEY" in caught.value.hint

    engine = Engine(streamed(), models=refusing(401, {"error": "no"}))
    with_engine(engine, use)
    assert engine.bodies == []


def test_a_refusal_that_comes_in_pieces_is_read_to_its_end() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        for part in (b'{"error": {"message":', b' "It is ', b'too long."}}'):
            await response.write(part)
            await asyncio.sleep(0)
        return response

    async def use(runtime: OpenAIRuntime) -> None:
        with pytest.raises(RuntimeFailure, match=r"It says: It is too long\."):
            await runtime.complete(CHAT)

    with_engine(Engine(refuse), use)


@pytest.mark.parametrize("said", ["boom internal", "boom internal.", "  boom\ninternal\t"])
def test_what_an_engine_says_does_not_run_into_what_to_do(said: str) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        with pytest.raises(RuntimeFailure) as caught:
            await runtime.complete(CHAT)
        assert "It says: boom internal. Its log says why" in str(caught.value)

    with_engine(Engine(refusing(500, {"error": {"message": said}})), use)


def endless(message: object) -> Handler:
    """Sends the same message for ever, whatever it was asked for."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(sse(message, done=False).encode())
            await asyncio.sleep(0)

    return handle


@pytest.mark.parametrize(
    "message",
    [
        piece("word "),
        piece("1"),
        piece("several words at once, as proxies send them; " * 9),
        piece("", usage={"prompt_tokens": 1}) | {"choices": [{"delta": {"reasoning": "Hm. "}}]},
        {"choices": [{"delta": {"reasoning_content": "Well, let me think. "}}]},
    ],
)
def test_an_answer_without_end_is_ended_near_the_tokens_that_were_asked_for(
    message: dict[str, object],
) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        events = await events_of(runtime)
        assert last_of(events).reason is FinishReason.LENGTH
        assert len(text_of(events)) < 40 * (CHAT.max_tokens + 20)
        completion = await runtime.complete(CHAT)
        assert completion.finish_reason is FinishReason.LENGTH
        assert completion.text == text_of(events)

    with_engine(Engine(endless(message)), use)


@pytest.mark.parametrize("pieces", [["internationalization"] * 12, list("a few words; " * 5)])
def test_no_answer_of_the_length_that_was_asked_for_is_cut(pieces: list[str]) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        events = await events_of(runtime)
        assert text_of(events) == "".join(pieces)
        assert last_of(events).reason is FinishReason.STOP

    with_engine(Engine(streamed(*map(piece, pieces), end())), use)


def test_blanks_around_a_key_are_none_of_it() -> None:
    engine = Engine(streamed(piece("Hi"), end()))

    async def use(runtime: OpenAIRuntime) -> None:
        assert (await runtime.complete(CHAT)).text == "Hi"

    with_engine(engine, use, api_key=" sk-1\n")
    assert engine.headers[-1]["Authorization"] == "Bearer sk-1"
