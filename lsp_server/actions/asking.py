"""A question to the model that chats: streamed, shown while it is made, and stopped on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from lsp_server.work_progress import work_progress
from model_runtime.api import ChatRequest, Chunk, Finished, FinishReason, Priority

if TYPE_CHECKING:
    from lsp_server.actions.prompting import Prompt
    from lsp_server.language_server import FimbriaServer

T = TypeVar("T")
Report = Callable[[str], None]

_TAIL = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """One of a model's answers; `cut_short`: it would have gone on."""

    text: str
    cut_short: bool
    mean_logprob: float = 0.0


class Stopped(Exception):
    """The user does not want it any more; nothing needs to be said."""


async def with_progress(ls: FimbriaServer, title: str, work: Callable[[Report], Awaitable[T]]) -> T:
    """Do work that shows how far it is. Raises Stopped where the user stops it there."""
    working = asyncio.current_task()
    assert working is not None
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        working.cancel()

    try:
        async with work_progress(ls, title, stop) as report:
            return await work(report)
    except asyncio.CancelledError:
        if not stopped or working.uncancel() > 0:
            raise
        raise Stopped from None


async def ask(
    ls: FimbriaServer, prompt: Prompt, report: Report, num_candidates: int = 1
) -> list[Answer]:
    """All answers of the model. Raises RuntimeFailure; cancelling ends the engine's work."""
    texts = [""] * num_candidates
    async with aclosing(ls.chat.stream(_request(prompt, num_candidates))) as events:
        async for event in events:
            if isinstance(event, Finished):
                return _answers(texts, event)
            if event.index < num_candidates:
                texts[event.index] += event.text
            report(tail(texts[0]))
    return [Answer(text, cut_short=True) for text in texts]


async def pieces(ls: FimbriaServer, prompt: Prompt) -> AsyncGenerator[str, None]:
    """The model's answer as it comes. Raises RuntimeFailure."""
    async with aclosing(ls.chat.stream(_request(prompt, 1))) as events:
        async for event in events:
            if isinstance(event, Chunk):
                yield event.text


def tail(text: str) -> str:
    """The last words of a text, on one line."""
    line = " ".join(text[-4 * _TAIL :].split())
    return line if len(line) <= _TAIL else "…" + line[-_TAIL:]


def _request(prompt: Prompt, num_candidates: int) -> ChatRequest:
    return ChatRequest(
        messages=prompt.messages,
        max_tokens=prompt.max_tokens,
        num_candidates=num_candidates,
        priority=Priority.CHAT,
    )


def _answers(texts: list[str], finished: Finished) -> list[Answer]:
    if len(finished.candidates) != len(texts):
        return [Answer(text, finished.reason is not FinishReason.STOP) for text in texts]
    return [
        Answer(text, candidate.reason is not FinishReason.STOP, candidate.mean_logprob)
        for text, candidate in zip(texts, finished.candidates, strict=True)
    ]
