"""Conversations with a real engine behind the daemon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from model_runtime import wire
from model_runtime.api import (
    ChatMessage,
    Chunk,
    Finished,
    InvalidRequest,
    MissingCapability,
    Role,
    SamplingParams,
)
from tests.daemon.chatting import (
    BASE_MODEL,
    CHAT,
    CHAT_MODEL,
    LONG_CHAT,
    QUESTION,
    SAMPLED,
    Loaded,
    write_checkpoint,
)
from tests.daemon.serving import Serving, with_daemon
from tests.daemon.waiting import eventually
from tests.runtime.running import Running


@pytest.fixture(scope="module")
def chat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("chat"), CHAT_MODEL)


@pytest.fixture
def chatting(chat_folder: Path, runtime_dir: Path) -> Callable[..., None]:
    """Runs a test beside a daemon whose model chats; what it gets of it is the engine, too."""

    def run(use: Callable[[Serving, Loaded], Awaitable[None]]) -> None:
        model = Loaded(chat_folder)
        with_daemon(model.load, lambda daemon: use(daemon, model))

    return run


def test_the_answer_is_the_engines(chatting: Callable[..., None]) -> None:
    async def use(daemon: Serving, model: Loaded) -> None:
        answer = await daemon.runtime.complete(CHAT)
        streamed = [event async for event in daemon.runtime.stream(CHAT)]
        alone = Running(model.engine, CHAT)
        alone.wait()
        assert answer.text == alone.text
        assert answer.text
        assert answer.model == CHAT_MODEL
        assert "".join(e.text for e in streamed if isinstance(e, Chunk)) == answer.text
        assert isinstance(streamed[-1], Finished)
        assert streamed[-1].reason == answer.finish_reason == alone.finished.reason
        assert streamed[-1].candidates == alone.finished.candidates

    chatting(use)


def test_a_streamed_answer_is_openais(chatting: Callable[..., None]) -> None:
    async def use(daemon: Serving, _: Loaded) -> None:
        body = wire.request_to_json(CHAT, stream=True) | {"stream_options": {"include_usage": True}}
        async with daemon.http() as http, http.post("/v1/chat/completions", json=body) as answer:
            assert answer.content_type == "text/event-stream"
            lines = (await answer.text()).split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""]
        messages = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
        assert {message["object"] for message in messages} == {"chat.completion.chunk"}
        first, *middle, end, counts = messages
        assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert all(message["choices"][0]["finish_reason"] is None for message in [first, *middle])
        assert end["choices"][0]["delta"] == {}
        assert end["choices"][0]["finish_reason"] == "length"
        assert (counts["choices"], counts["usage"]["completion_tokens"]) == ([], 12)
        status, whole = await daemon.post("/v1/chat/completions", body | {"stream": False})
        assert status == 200
        [choice] = whole["choices"]
        pieces = [message["choices"][0]["delta"].get("content", "") for message in middle]
        assert choice["message"] == {
            "role": "assistant",
            "content": "".join(pieces),
            "refusal": None,
        }
        assert choice["fimbria"]["mean_logprob"] < 0
        assert whole["timings_ms"]["total"] > 0

    chatting(use)


def test_the_answer_ends_before_a_stop_string(chatting: Callable[..., None]) -> None:
    async def use(daemon: Serving, _: Loaded) -> None:
        whole = (await daemon.runtime.complete(CHAT)).text
        stop = whole[len(whole) // 2 :][:3]
        stopped = await daemon.runtime.complete(replace(CHAT, stop=(stop,)))
        assert stopped.text == whole[: whole.index(stop)]
        assert stopped.finish_reason == "stop"

    chatting(use)


def test_a_seed_repeats_an_answer(chatting: Callable[..., None]) -> None:
    async def use(daemon: Serving, _: Loaded) -> None:
        sampled = replace(CHAT, sampling=SAMPLED)
        first = await daemon.runtime.complete(sampled)
        assert (await daemon.runtime.complete(sampled)).text == first.text
        other = replace(CHAT, sampling=SamplingParams(temperature=0.8, seed=8))
        assert (await daemon.runtime.complete(other)).text != first.text

    chatting(use)


def test_the_second_turn_computes_only_what_is_new(chatting: Callable[..., None]) -> None:
    async def use(daemon: Serving, _: Loaded) -> None:
        first = await daemon.runtime.complete(CHAT)
        answer = ChatMessage(Role.ASSISTANT, first.text)
        more = ChatMessage(Role.USER, "And of two?")
        talk = replace(CHAT, messages=(*CHAT.messages, answer, more))
        second = await daemon.runtime.complete(talk)
        assert first.usage.cached_tokens < 8
        assert second.usage.cached_tokens >= first.usage.prompt_tokens

    chatting(use)


def test_several_answers(chatting: Callable[..., None]) -> None:
    async def use(daemon: Serving, _: Loaded) -> None:
        done = await daemon.runtime.complete(replace(CHAT, num_candidates=2))
        assert len(set(done.texts)) == len(done.candidates) == 2

    chatting(use)


@pytest.mark.parametrize("stream", [False, True])
def test_a_dropped_connection_ends_the_answer_in_the_engine(
    chatting: Callable[..., None], stream: bool
) -> None:
    async def use(daemon: Serving, model: Loaded) -> None:
        async def running() -> bool:
            return model.engine.stats().steps > steps

        async def aborted() -> bool:
            stats = model.engine.stats()
            return stats.aborted == 1 and stats.running == 0

        await daemon.runtime.info()
        steps = model.engine.stats().steps
        if stream:
            async with aclosing(daemon.runtime.stream(LONG_CHAT)) as events:
                assert isinstance(await anext(events), Chunk)
        else:
            answer = asyncio.create_task(daemon.runtime.complete(LONG_CHAT))
            await eventually(running)
            answer.cancel()
        await eventually(aborted)

    chatting(use)


def test_what_is_no_conversation_is_refused(chatting: Callable[..., None]) -> None:
    async def use(daemon: Serving, _: Loaded) -> None:
        twice = replace(CHAT, messages=(QUESTION, QUESTION))
        with pytest.raises(InvalidRequest, match="it is the assistant's turn"):
            await daemon.runtime.complete(twice)
        with pytest.raises(InvalidRequest, match="max_tokens"):
            await daemon.runtime.complete(replace(CHAT, max_tokens=10_000))

    chatting(use)


def test_a_base_model_does_not_chat(runtime_dir: Path, tmp_path: Path) -> None:
    async def use(daemon: Serving) -> None:
        with pytest.raises(MissingCapability, match="was not trained for chat") as refused:
            await daemon.runtime.complete(CHAT)
        assert "nstruct" in refused.value.hint

    with_daemon(Loaded(write_checkpoint(tmp_path, BASE_MODEL)).load, use)
