"""Whoever asks for ghost text gets several texts to choose from."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from lsp_server.server import make_server
from lsp_server.settings import Settings
from model_runtime.api import (
    Candidate,
    Chunk,
    Event,
    Finished,
    FinishReason,
    InvalidRequest,
    Request,
    Timings,
    Usage,
)
from tests.fakes import FakeRuntime
from tests.lsp.client import LspClient, in_process, play


class Choosy(FakeRuntime):
    """Writes its texts side by side, if there is room for so many."""

    def __init__(self, *texts: str, room: int = 8) -> None:
        super().__init__()
        self.texts = texts
        self.room = room
        self.asked: list[int] = []

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        self.asked.append(request.num_candidates)
        if request.num_candidates > self.room:
            raise InvalidRequest("No room.")
        texts = self.texts[: request.num_candidates]
        for at in range(max(map(len, texts))):
            for index, text in enumerate(texts):
                yield Chunk(text[at : at + 1], index, (-0.1,))
        ends = tuple(Candidate(FinishReason.STOP, -0.1) for _ in texts)
        yield Finished(FinishReason.STOP, Usage(1, 0, 1), Timings(0, 0, 0), ends)


def offered(runtime: Choosy, *, automatic: bool = False) -> list[dict[str, Any]]:
    async def scenario() -> None:
        server = make_server(runtime.factory, Settings(warm_up=False, guess_ahead=False))
        async with in_process(server) as client:
            await client.start()
            client.open("x = \n")
            found.extend(await _asked(client, automatic=automatic))

    found: list[dict[str, Any]] = []
    play(scenario())
    return found


async def _asked(client: LspClient, *, automatic: bool) -> list[dict[str, Any]]:
    request = client.completing(0, 4, automatic=automatic)
    client.send(request)
    return list((await client.result(request["id"]))["items"])


def texts(items: list[dict[str, Any]]) -> list[str]:
    return [item["insertText"] for item in items]


def test_each_that_is_worth_it_once_and_with_an_id_of_its_own() -> None:
    items = offered(Choosy("one", "two", "one"))
    assert texts(items) == ["one", "two"]
    assert len({item["command"]["arguments"][0] for item in items}) == 2
    assert texts(offered(Choosy("", "two", "  "))) == ["two"]
    assert texts(offered(Choosy("", "", ""))) == []


def test_typing_gets_one() -> None:
    runtime = Choosy("one", "two", "three")
    assert texts(offered(runtime, automatic=True)) == ["one"]
    assert runtime.asked == [1]


def test_one_is_enough_where_there_is_no_room_for_more() -> None:
    runtime = Choosy("one", "two", "three", room=1)
    assert texts(offered(runtime)) == ["one"]
    assert runtime.asked == [3, 1]
