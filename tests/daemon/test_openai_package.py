"""OpenAI's own Python client against the daemon, over TCP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from model_runtime.client import DaemonSpec
from tests.daemon.chatting import CHAT_MODEL, Loaded, write_checkpoint
from tests.daemon.serving import Serving, with_daemon
from tests.daemon.waiting import eventually

openai = pytest.importorskip("openai")

MESSAGES = [
    {"role": "system", "content": "Answer in code."},
    {"role": "user", "content": [{"type": "text", "text": "What is the area of a width?"}]},
]
CHAT: dict[str, Any] = {"model": CHAT_MODEL, "messages": MESSAGES, "max_completion_tokens": 12}


@pytest.fixture(scope="module")
def chat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("chat"), CHAT_MODEL)


@pytest.fixture
def talking(chat_folder: Path, runtime_dir: Path) -> Callable[..., None]:
    """Runs a test with a client and the model behind the daemon that it is connected to."""

    def run(use: Callable[[Any, Loaded], Awaitable[None]]) -> None:
        model = Loaded(chat_folder)

        async def connect(daemon: Serving) -> None:
            base_url = f"http://127.0.0.1:{daemon.endpoint.port}/v1"
            key = daemon.endpoint.token
            async with openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0) as client:
                await use(client, model)

        with_daemon(model.load, connect, spec=DaemonSpec(transport="tcp"))

    return run


def test_a_conversation(talking: Callable[..., None]) -> None:
    async def use(client: Any, _: Loaded) -> None:
        assert [model.id async for model in client.models.list()] == [CHAT_MODEL]
        answer = await client.chat.completions.create(**CHAT)
        [choice] = answer.choices
        assert choice.message.role == "assistant"
        assert choice.message.content
        assert choice.finish_reason == "length"
        assert answer.usage.completion_tokens == 12
        talk = [*MESSAGES, choice.message, {"role": "user", "content": "And of two?"}]
        second = await client.chat.completions.create(**CHAT | {"messages": talk})
        cached = second.usage.prompt_tokens_details.cached_tokens
        assert cached >= answer.usage.prompt_tokens

    talking(use)


def test_a_streamed_conversation(talking: Callable[..., None]) -> None:
    async def use(client: Any, _: Loaded) -> None:
        whole = await client.chat.completions.create(**CHAT)
        stream = await client.chat.completions.create(
            **CHAT, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        *said, counts = chunks
        text = "".join(chunk.choices[0].delta.content or "" for chunk in said)
        assert text == whole.choices[0].message.content
        assert said[0].choices[0].delta.role == "assistant"
        assert said[-1].choices[0].finish_reason == "length"
        assert [chunk.usage for chunk in said] == [None] * len(said)
        assert counts.usage.completion_tokens == 12

    talking(use)


def test_a_completion_with_suffix(talking: Callable[..., None]) -> None:
    async def use(client: Any, _: Loaded) -> None:
        request = {
            "model": CHAT_MODEL,
            "prompt": "def area(",
            "suffix": "\n",
            "max_tokens": 6,
            "extra_body": {"snippets": [{"path": "a.py", "text": "x = 1\n"}], "path": "b.py"},
        }
        whole = await client.completions.create(**request)
        stream = await client.completions.create(**request, stream=True)
        assert "".join([chunk.choices[0].text async for chunk in stream]) == whole.choices[0].text
        assert whole.usage.completion_tokens <= 6

    talking(use)


def test_leaving_a_stream_ends_it_in_the_engine(talking: Callable[..., None]) -> None:
    async def use(client: Any, model: Loaded) -> None:
        async def aborted() -> bool:
            return model.engine.stats().aborted == 1

        long = CHAT | {"messages": MESSAGES[1:], "max_completion_tokens": 700}
        stream = await client.chat.completions.create(**long, stream=True)
        async for _ in stream:
            break
        await stream.close()
        await eventually(aborted)

    talking(use)


def test_mistakes_have_their_own_errors(talking: Callable[..., None]) -> None:
    async def use(client: Any, _: Loaded) -> None:
        with pytest.raises(openai.BadRequestError, match="`tools` is not supported"):
            await client.chat.completions.create(**CHAT, tools=[{"type": "function"}])
        with pytest.raises(openai.NotFoundError, match="this daemon serves"):
            await client.chat.completions.create(**CHAT | {"model": "gpt-5"})
        with pytest.raises(openai.AuthenticationError, match="token"):
            await client.with_options(api_key="wrong").models.list()

    talking(use)
