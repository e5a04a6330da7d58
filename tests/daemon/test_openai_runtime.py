"""A runtime over engines that speak OpenAI's API: well-behaved ones, and every way to misbehave."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from model_runtime.api import (
    Capability,
    Chunk,
    CompletionRequest,
    FinishReason,
    MissingCapability,
    SamplingParams,
    Usage,
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
    streamed,
    text_of,
    with_engine,
)

COUNTS = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}


def test_importing_it_brings_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'aiohttp'} & set(sys.modules)"
    code = f"import sys, model_runtime.openai_runtime; sys.exit(len({heavy}))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_streamed_chat() -> None:
    counts = {"choices": [], "usage": COUNTS}
    engine = Engine(streamed(piece("Hel"), piece("lo\n"), end("length"), counts))

    async def use(runtime: OpenAIRuntime) -> None:
        events = await events_of(runtime)
        assert [e.text for e in events if isinstance(e, Chunk)] == ["Hel", "lo\n"]
        assert last_of(events).reason is FinishReason.LENGTH
        assert last_of(events).usage == Usage(9, 4, 2)
        sampled = replace(CHAT, sampling=SamplingParams(temperature=0.5, top_p=0.9, seed=3))
        done = await runtime.complete(replace(sampled, stop=("X",), model="second"))
        assert (done.text, done.finish_reason, done.usage) == ("Hello\n", "length", Usage(9, 4, 2))

    with_engine(engine, use, api_key="secret")
    plain, full = engine.bodies
    assert plain == {
        "model": "first",
        "messages": [
            {"role": "system", "content": "Answer in code."},
            {"role": "user", "content": "What is the area of a width?"},
        ],
        "max_tokens": 12,
        "temperature": 0.0,
        "top_p": 1.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert (full["model"], full["stop"], full["seed"]) == ("second", ["X"], 3)
    assert {headers["Authorization"] for headers in engine.headers} == {"Bearer secret"}


def test_a_completion() -> None:
    engine = Engine(streamed({"choices": [{"text": "return 1", "finish_reason": "stop"}]}))
    request = CompletionRequest(prompt="def f():\n    ", suffix="\n")

    async def use(runtime: OpenAIRuntime) -> None:
        assert text_of(await events_of(runtime, request)) == "return 1"

    with_engine(engine, use, model="coder", infills=True)
    [body] = engine.bodies
    assert (body["model"], body["prompt"], body["suffix"]) == ("coder", "def f():\n    ", "\n")

    async def refused(runtime: OpenAIRuntime) -> None:
        assert text_of(await events_of(runtime, replace(request, suffix=None))) == "return 1"
        with pytest.raises(MissingCapability, match="not known to fill in"):
            await runtime.complete(request)

    with_engine(engine, refused)


def test_what_only_warms_a_cache_up_asks_nobody() -> None:
    engine = Engine(streamed())

    async def use(runtime: OpenAIRuntime) -> None:
        [finished] = await events_of(runtime, replace(CHAT, max_tokens=0))
        assert finished == last_of([finished])

    with_engine(engine, use)
    assert engine.bodies == []


@pytest.mark.parametrize(
    "answer",
    [
        streamed(piece("yes"), end(), done=False),  # transformers
        streamed(piece("yes")),  # no reason
        streamed(": PROCESSING\n\n", "event: message\n", "retry: 3\r\n", piece("yes"), end()),
        streamed('data:{"choices":[{"delta":{"content":"yes"}}]}\r\n\r\n', end("eos_token")),
        streamed(piece("yes", usage=None, model=None), end(usage={})),
        streamed({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}),
        refusing(200, {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}),
    ],
)
def test_every_engines_way_to_answer(answer: Handler) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        events = await events_of(runtime)
        assert text_of(events) == "yes"
        assert last_of(events).reason is FinishReason.STOP
        assert (await runtime.complete(CHAT)).text == "yes"

    with_engine(Engine(answer), use)


def test_a_stop_string_never_shows() -> None:
    """Some engines send it along; OpenAI takes four at most."""
    engine = Engine(streamed(piece("one E"), piece("N"), piece("D two"), end("length")))
    stops = ("a", "b", "c", "d", "END")

    async def use(runtime: OpenAIRuntime) -> None:
        events = await events_of(runtime, replace(CHAT, stop=stops))
        assert (text_of(events), last_of(events).reason) == ("one ", FinishReason.STOP)
        unstopped = await events_of(runtime, replace(CHAT, stop=("ENDE", "two!")))
        assert text_of(unstopped) == "one END two"

    with_engine(engine, use)
    assert engine.bodies[0]["stop"] == ["a", "b", "c", "d"]


def test_several_answers_or_the_one_that_comes() -> None:
    def both(text: str, index: int, reason: str | None) -> dict[str, Any]:
        return {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": reason}]}

    two = Engine(streamed(both("a", 0, None), both("b", 1, "stop"), both("c", 0, "length")))
    request = replace(CHAT, num_candidates=2)

    async def use(runtime: OpenAIRuntime) -> None:
        done = await runtime.complete(request)
        assert done.texts == ("ac", "b")
        assert [candidate.reason for candidate in done.candidates] == ["length", "stop"]

    with_engine(two, use)
    assert two.bodies[0]["n"] == 2

    async def one(runtime: OpenAIRuntime) -> None:
        assert (await runtime.complete(request)).texts == ("yes",)

    with_engine(Engine(streamed(piece("yes"), end(), done=False)), one)


@pytest.mark.parametrize("stream", [False, True])
def test_leaving_closes_the_connection(stream: bool) -> None:
    async def check() -> None:
        begun, left = asyncio.Event(), asyncio.Event()

        async def talk_on(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(b'data: {"choices":[{"delta":{"content":"yes"}}]}\n\n')
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                left.set()
            return response

        async def leave(runtime: OpenAIRuntime) -> None:
            if stream:
                async with aclosing(runtime.stream(CHAT)) as events:
                    assert await anext(events) == Chunk("yes")
                return
            task = asyncio.create_task(runtime.complete(CHAT))
            await begun.wait()
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()

        async with Engine(talk_on).running() as engine:
            runtime = OpenAIRuntime(engine.url)
            await leave(runtime)
            await left.wait()
            await runtime.close()

    asyncio.run(check())


def test_the_engines_own_words_are_used_where_it_asks_for_them() -> None:
    async def picky(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        for unknown in ("stream_options", "max_tokens"):
            if unknown in body:
                known = " Use 'max_completion_tokens'." if unknown == "max_tokens" else ""
                message = f"Unsupported parameter: '{unknown}'.{known}"
                return web.json_response({"error": {"message": message}}, status=400)
        return await streamed(piece("yes"), end())(request)

    engine = Engine(picky)

    async def use(runtime: OpenAIRuntime) -> None:
        for _ in range(2):
            assert (await runtime.complete(CHAT)).text == "yes"

    with_engine(engine, use)
    assert len(engine.bodies) == 4  # what was learnt is kept
    assert engine.bodies[-1]["max_completion_tokens"] == 12


def test_the_model_is_described_as_far_as_the_engine_tells() -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        info = await runtime.info()
        assert (info.id, info.context_length) == ("first", 4096)
        assert info.capabilities == {Capability.COMPLETION, Capability.CHAT}
        assert info.layouts == ()

    with_engine(Engine(streamed()), use)

    async def named(runtime: OpenAIRuntime) -> None:
        info = await runtime.info()
        assert info.id == "third"
        assert info.context_length > 0
        assert Capability.INFILLING in info.capabilities

    with_engine(Engine(streamed()), named, model="third", infills=True)


@pytest.mark.parametrize(
    ("listing", "name", "length"),
    [
        ({"data": [{"id": "a", "meta": {"n_ctx_train": 512, "n_ctx": 256}}]}, "a", 256),
        ({"data": [{"id": "a", "fimbria": {"context_length": 77}}]}, "a", 77),
        ([{"id": "bare", "context_length": 99}, {"no": "id"}, 3], "bare", 99),
        ({"data": []}, "127.0.0.1", 8192),
    ],
)
def test_lists_of_models_as_engines_write_them(listing: object, name: str, length: int) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        info = await runtime.info()
        assert (info.id, info.context_length) == (name, length)

    with_engine(Engine(streamed(), models=refusing(200, listing)), use)


def test_an_engine_that_lists_nothing_may_still_answer() -> None:
    """`transformers serve` fails to list models when it has downloaded none."""
    engine = Engine(streamed(piece("yes"), end()), models=refusing(500, "Internal Server Error"))

    async def use(runtime: OpenAIRuntime) -> None:
        assert (await runtime.complete(CHAT)).text == "yes"
        assert (await runtime.info()).id == "127.0.0.1"

    with_engine(engine, use)
    assert "model" not in engine.bodies[0]
