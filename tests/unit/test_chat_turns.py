"""Who is answered when questions in one conversation come faster than answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lsp_server.chat.turns import Superseded, Turns


class Answers:
    """Work that ends only when it is told to, and then puts things in order for a while."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    def make(self, name: str) -> Callable[[], Coroutine[Any, Any, str]]:
        async def work() -> str:
            self.events.append(f"{name} begins")
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await self.may_end.wait()
                self.events.append(f"{name} ends")
            raise AssertionError

        return work


async def quick() -> str:
    return "answered"


def test_a_third_question_waits_for_the_first_though_the_second_never_began() -> None:
    async def scenario() -> None:
        turns, answers = Turns[str](), Answers()
        first = asyncio.create_task(turns.run("a", answers.make("first")))
        await answers.begun.wait()
        second = asyncio.create_task(turns.run("a", answers.make("second")))
        await asyncio.sleep(0)
        third = asyncio.create_task(turns.run("a", quick))
        others = asyncio.gather(first, second, return_exceptions=True)
        for _ in range(10):
            assert await turns.run("b", quick) == "answered", "elsewhere nothing waits"
        assert not third.done()
        answers.may_end.set()
        assert await third == "answered"
        assert [type(error) for error in await others] == [Superseded, Superseded]
        assert answers.events == ["first begins", "first ends"]

    asyncio.run(scenario())


def test_a_question_that_is_withdrawn_at_once_has_still_ended_the_one_before() -> None:
    async def scenario() -> None:
        turns, answers = Turns[str](), Answers()
        answers.may_end.set()
        first = asyncio.create_task(turns.run("a", answers.make("first")))
        await answers.begun.wait()
        second = asyncio.create_task(turns.run("a", answers.make("second")))
        await asyncio.sleep(0)  # asked, and its work not begun
        second.cancel()
        with pytest.raises(Superseded):
            await first
        with pytest.raises(asyncio.CancelledError):
            await second
        assert await turns.run("a", quick) == "answered"

    asyncio.run(scenario())


@pytest.mark.parametrize("ends", ["stop", "close"])
def test_ending_waits_until_all_has_ended(ends: str) -> None:
    async def scenario() -> None:
        turns, answers = Turns[str](), Answers()
        first = asyncio.create_task(turns.run("a", answers.make("first")))
        await answers.begun.wait()
        ending = asyncio.create_task(turns.stop("a") if ends == "stop" else turns.close())
        await asyncio.sleep(0)
        assert not ending.done()
        answers.may_end.set()
        await ending
        assert answers.events == ["first begins", "first ends"]
        with pytest.raises(Superseded):
            await first

    asyncio.run(scenario())
