"""The server's way to the model: says once what is wrong, and works again when the model does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lsp_server.confidence import TokenScore, scores_of_chunk
from model_runtime.api import Finished, FinishReason, InvalidRequest, RuntimeFailure

if TYPE_CHECKING:
    from model_runtime.api import (
        Completion,
        CompletionRequest,
        Event,
        ModelInfo,
        Request,
        Runtime,
    )

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote; `cut_short`: it would have gone on. scores: of the tokens that were read,
    the one that ended the text included where there was one; empty if the runtime reports none.
    """

    text: str
    cut_short: bool
    scores: tuple[TokenScore, ...] = ()


class RuntimeLink:
    """One runtime, made when it is first needed.

    connect: makes the runtime.
    announce: tells the user about a failure; not called again until something has worked in
    between.
    settled: called when waiting for the model is over, well or badly.
    """

    def __init__(
        self,
        connect: Callable[[], Runtime],
        announce: Callable[[RuntimeFailure], None],
        settled: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._announce = announce
        self._settled = settled
        self._runtime: Runtime | None = None
        self._ready: ModelInfo | None = None
        self._known: ModelInfo | None = None
        self._failing = False

    @property
    def known(self) -> ModelInfo | None:
        """What was last told of the model, also while it does not answer."""
        return self._known

    @property
    def ready(self) -> ModelInfo | None:
        """The model, if it is loaded and answered when it was last asked."""
        return self._ready

    async def warm_up(self) -> None:
        """Have the model loaded before it is needed."""
        await self.model()

    async def model(self) -> ModelInfo | None:
        """Wait until the model is loaded and describe it. Asked anew each time: another daemon may
        serve another model. None when there is none; the user has been told why.
        """
        try:
            info = await self._connected().info()
        except RuntimeFailure as failure:
            self._failed(failure)
            return None
        self._ready = self._known = info
        # No success yet: a model that is loaded and refuses each request is complained about once.
        self._settled()
        return info

    async def answer(
        self, request: CompletionRequest, is_settled: Callable[[str], bool]
    ) -> Answer | None:
        """Return the model's text, or what there is of it as soon as it is settled: the rest is
        then not computed. None when the runtime cannot answer now; the user has been told why.
        """
        try:
            answer = await _collected(self._connected().stream(request), is_settled)
        except RuntimeFailure as failure:
            self._failed(failure)
            return None
        self._failing = False
        self._settled()
        return answer

    async def answers(self, request: CompletionRequest) -> tuple[Answer, ...]:
        """Return all candidates' texts, or one where there is no room for more. Empty when the
        runtime cannot answer now; the user has been told why.
        """
        try:
            answers = await _collected_all(self._connected().stream(request))
        except InvalidRequest as failure:
            if request.num_candidates > 1:
                return await self.answers(replace(request, num_candidates=1))
            self._failed(failure)
            return ()
        except RuntimeFailure as failure:
            self._failed(failure)
            return ()
        self._failing = False
        self._settled()
        return answers

    async def answer_quietly(
        self, request: CompletionRequest, is_settled: Callable[[str], bool]
    ) -> Answer | None:
        """Like `answer`, for what nobody waits for: only if the model is ready, and the user hears
        of no failure.
        """
        if self._ready is None or self._runtime is None:
            return None
        try:
            return await _collected(self._runtime.stream(request), is_settled)
        except RuntimeFailure as failure:
            self._ready = None
            logger.debug("Nobody waited for this: %s", failure)
            return None

    async def describe(self) -> ModelInfo:
        """Wait until the model is loaded and describe it. Raises RuntimeFailure, which is the
        caller's to tell.
        """
        try:
            self._ready = self._known = await self._connected().info()
        finally:
            self._settled()
        return self._ready

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The runtime's answer as it comes; closing the iterator aborts it. Raises RuntimeFailure,
        which is the caller's to tell.
        """
        events = self._connected().stream(request)
        try:
            async for event in events:
                yield event
        finally:
            self._settled()
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    async def complete(self, request: Request) -> Completion:
        """The runtime's whole answer. Raises RuntimeFailure, which is the caller's to tell."""
        try:
            return await self._connected().complete(request)
        finally:
            self._settled()

    async def close(self) -> None:
        """Let go of the runtime; the next request makes a new one, and is told about anew."""
        runtime, self._runtime = self._runtime, None
        self._ready = self._known = None
        self._failing = False
        if runtime is None:
            return
        try:
            await runtime.close()
        except RuntimeFailure as failure:
            logger.info("While closing the runtime: %s", failure)

    def _connected(self) -> Runtime:
        if self._runtime is None:
            self._runtime = self._connect()
        return self._runtime

    def _failed(self, failure: RuntimeFailure) -> None:
        self._ready = None
        logger.log(logging.DEBUG if self._failing else logging.ERROR, "%s", failure)
        self._settled()
        if not self._failing:
            self._failing = True
            self._announce(failure)


async def _collected(events: AsyncIterator[Event], is_settled: Callable[[str], bool]) -> Answer:
    text, scores = "", list[TokenScore]()
    try:
        async for event in events:
            if isinstance(event, Finished):
                cut_short = event.reason is not FinishReason.STOP
                return Answer(text, cut_short, tuple(scores))
            scores += scores_of_chunk(len(text), event.text, event.logprobs)
            text += event.text
            if is_settled(text):
                break
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()  # which aborts what still runs
    return Answer(text, cut_short=True, scores=tuple(scores))


async def _collected_all(events: AsyncIterator[Event]) -> tuple[Answer, ...]:
    texts, scores = dict[int, str](), dict[int, list[TokenScore]]()
    ends: list[FinishReason] = []
    try:
        async for event in events:
            if isinstance(event, Finished):
                ends = [end.reason for end in event.candidates] or [event.reason]
                break
            text = texts.get(event.index, "")
            scored = scores_of_chunk(len(text), event.text, event.logprobs)
            scores.setdefault(event.index, []).extend(scored)
            texts[event.index] = text + event.text
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()  # which aborts what still runs
    return tuple(
        Answer(texts.get(index, ""), reason is not FinishReason.STOP, tuple(scores.get(index, ())))
        for index, reason in enumerate(ends)
    )


def on_loop_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Run `call` on the loop's thread, from any thread, also while the loop is ending."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
