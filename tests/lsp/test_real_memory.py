"""Memory, warm-ups and guesses with the starter model in a daemon of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from lsp_server.positions import PositionEncoding
from lsp_server.server import daemon_runtime, make_server
from lsp_server.settings import Settings
from model_runtime.api import (
    Completion,
    CompletionRequest,
    Event,
    Finished,
    ModelInfo,
    Priority,
    ProgressCallback,
    Runtime,
)
from model_runtime.client import DaemonSpec, stop_daemon
from tests.lsp.client import LspClient, in_process, play, replacing
from tests.lsp.sessions import CURSOR, apply_item

TEXT = "import os\n\n\ndef file_size(path):\n    return os.path.getsize(\n"
LONG = "".join(f"def function_{n}(value):\n    return value + {n}\n\n" for n in range(60))


@dataclass
class Watched:
    """A runtime, and what goes through it."""

    runtime: Runtime
    requests: list[CompletionRequest] = field(default_factory=list)
    ended: asyncio.Queue[Finished | None] = field(default_factory=asyncio.Queue)

    async def info(self) -> ModelInfo:
        return await self.runtime.info()

    async def complete(self, request: CompletionRequest) -> Completion:
        return await self.runtime.complete(request)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        last: Event | None = None
        events = self.runtime.stream(request)
        assert isinstance(events, AsyncGenerator)
        try:
            async with aclosing(events):
                async for last in events:
                    yield last
        finally:
            self.ended.put_nowait(last if isinstance(last, Finished) else None)

    async def close(self) -> None:
        await self.runtime.close()

    def waited_for(self) -> list[CompletionRequest]:
        return [each for each in self.requests if each.priority is Priority.COMPLETION]


@pytest.fixture(scope="module", autouse=True)
def one_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path_factory.mktemp("r")))
        yield
        asyncio.run(stop_daemon(DaemonSpec(device="cpu")))


def session(
    scenario: Callable[[LspClient, Watched], Awaitable[None]], **settings: bool | int
) -> None:
    async def whole() -> None:
        watched: list[Watched] = []

        def factory(settings: Settings, progress: ProgressCallback) -> Watched:
            watched.append(Watched(daemon_runtime(settings, progress)))
            return watched[-1]

        chosen = {"warm_up": False, "guess_ahead": False, **settings}
        server = make_server(factory, Settings(device="cpu", **chosen))  # type: ignore[arg-type]
        async with in_process(server) as client:
            await client.start()
            await server.runtime.warm_up()
            await scenario(client, watched[0])

    play(whole())


async def item_at(client: LspClient, line: int, character: int) -> dict[str, object]:
    (item,) = (await client.result(client.complete(line, character)))["items"]
    assert isinstance(item, dict)
    return item


def test_each_character_of_a_suggestion_is_typed_without_the_model() -> None:
    async def scenario(client: LspClient, runtime: Watched) -> None:
        client.open(TEXT)
        shown = await item_at(client, 4, 27)
        after_accepting = apply_item(TEXT, shown, PositionEncoding.UTF16).replace(CURSOR, "")
        text, typed = TEXT, str(shown["insertText"]).partition("\n")[0]
        for at, char in enumerate(typed[:-1]):
            client.send(replacing(27 + at, 27 + at, char, version=2 + at, line=4))
            text = text[: len(TEXT) - 1 + at] + char + text[len(TEXT) - 1 + at :]
            item = await item_at(client, 4, 28 + at)
            assert apply_item(text, item, PositionEncoding.UTF16).replace(CURSOR, "") == (
                after_accepting
            )
        assert len(typed) > 1
        assert len(runtime.requests) == 1

    session(scenario)


def test_a_change_that_was_read_costs_the_next_request_nothing() -> None:
    async def scenario(client: LspClient, runtime: Watched) -> None:
        client.open(LONG)
        client.send(replacing(19, 21, "", version=2, line=91))
        warm_up = await runtime.ended.get()
        assert warm_up is not None
        assert warm_up.usage.prompt_tokens > 500
        assert warm_up.usage.completion_tokens == 0
        await client.result(client.complete(91, 19))
        request = await runtime.ended.get()
        assert request is not None
        assert request.usage.prompt_tokens == warm_up.usage.prompt_tokens
        assert request.usage.computed_tokens <= 1

    session(scenario, warm_up=True, max_tokens=1)


def test_what_comes_after_accepting_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsp_server.features.inline_completion.NUM_CANDIDATES", 1)

    async def scenario(client: LspClient, runtime: Watched) -> None:
        client.open(TEXT)
        shown = await item_at(client, 4, 27)
        for _ in ("the request", "the guess"):
            await runtime.ended.get()
        client.send(replacing(27, 27, str(shown["insertText"]), version=2, line=4))
        text = apply_item(TEXT, shown, PositionEncoding.UTF16)
        lines = text.partition(CURSOR)[0].split("\n")
        place = (len(lines) - 1, len(lines[-1]))
        guessed = await client.result(client.complete(*place))
        assert len(runtime.waited_for()) == 1
        client.send(asked := client.completing(*place, automatic=False))
        assert await client.result(asked["id"]) == guessed

    session(scenario, guess_ahead=True)
