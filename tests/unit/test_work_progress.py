"""What an editor is told while something takes a while."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from lsp_server.work_progress import RunningWork, work_progress


class Display:
    """The editor's progress display; keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.tokens: dict[str, Any] = {}
        self.has_report = asyncio.Event()

    def begin(self, token: str, value: Any) -> None:
        self.told.append(value.title)
        self.tokens[token] = asyncio.get_running_loop().create_future()

    def report(self, token: str, value: Any) -> None:
        self.told.append(value.message)
        self.has_report.set()

    def end(self, token: str, value: Any) -> None:
        self.told.append("end")


def test_a_fast_model_is_not_reported_word_by_word() -> None:
    display = Display()
    ls: Any = SimpleNamespace(work_done_progress=display, work=RunningWork())

    async def scenario() -> None:
        async with work_progress(ls, "Fix", lambda: None, "token") as report:
            for number in range(30):
                report(f"{number} words")
            while display.told[-1] != "29 words":  # shown while the model goes on, too
                display.has_report.clear()
                await display.has_report.wait()
            report("30 words")

    asyncio.run(asyncio.wait_for(scenario(), 30))
    assert display.told == ["Fix", "0 words", "29 words", "30 words", "end"]
