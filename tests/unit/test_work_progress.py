"""What an editor is told while something takes a while."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from lsp_server.work_progress import work_progress


class Display:
    """The editor's progress display; keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.tokens: dict[str, Any] = {}

    def begin(self, token: str, value: Any) -> None:
        self.told.append(value.title)
        self.tokens[token] = asyncio.get_running_loop().create_future()

    def report(self, token: str, value: Any) -> None:
        self.told.append(value.message)

    def end(self, token: str, value: Any) -> None:
        self.told.append("end")


def test_a_fast_model_is_reported_ten_times_a_second_and_to_the_end() -> None:
    display = Display()
    ls: Any = SimpleNamespace(work_done_progress=display)

    async def scenario() -> None:
        loop: Any = asyncio.get_running_loop()
        now_s = loop.time()
        async with work_progress(ls, "Fix", lambda: None, "token") as report:
            for number in range(30):
                loop.time = lambda number=number: now_s + number / 100
                report(f"{number} words")
        del loop.time

    asyncio.run(scenario())
    first, *reports, last = display.told
    assert (first, last) == ("Fix", "end")
    assert reports[0] == "0 words"
    assert reports[-1] == "29 words"
    assert len(reports) == 4
