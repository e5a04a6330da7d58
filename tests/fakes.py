"""Stand-ins whose behaviour the test decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from lsp_server.settings import Settings
from model_runtime.api import (
    Capability,
    Chunk,
    Completion,
    Event,
    Finished,
    FinishReason,
    ModelInfo,
    ProgressCallback,
    Request,
    Timings,
    Usage,
)

MODEL = ModelInfo(
    id="fake",
    context_length=2048,
    capabilities=frozenset({Capability.COMPLETION, Capability.INFILLING}),
)


def completion(text: str, reason: FinishReason = FinishReason.STOP) -> Completion:
    return Completion(text, MODEL.id, reason, Usage(8, 0, 4), Timings(0.0, 1.0, 2.0))


class Call:
    """One request that has reached the runtime."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.reply: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self.aborted = asyncio.Event()
        self.stuck = asyncio.Event()
        self.num_sent = 0
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @contextmanager
    def noting_abort(self) -> Iterator[None]:
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            self.aborted.set()
            raise

    def answer(self, text: str, reason: FinishReason = FinishReason.STOP) -> None:
        self.reply.set_result(completion(text, reason))

    def break_off(self, error: Exception) -> None:
        """Fail after a part of the answer; see FakeRuntime.stops_after."""
        self._broken.set_exception(error)

    async def hang(self) -> None:
        """Wait until the test breaks it off, or nobody waits any more."""
        self.stuck.set()
        await self._broken

    def fail(self, error: Exception) -> None:
        self.reply.set_exception(error)


class FakeRuntime:
    """Implements api.Runtime. With `outcome` every request gets it at once; without, each waits
    until the test answers the call that `next_call` returns. `stops_after`: a stream hangs after so
    many characters.
    """

    def __init__(self, outcome: str | Exception | None = None) -> None:
        self.outcome = outcome
        self.model: ModelInfo | Exception = MODEL
        self.loaded: asyncio.Event | None = None
        self.calls: list[Call] = []
        self.stops_after: int | None = None
        self.piece_len = 1
        self.num_closed = 0
        self.made = asyncio.Event()
        self.made_with: list[Settings] = []
        self.progress: ProgressCallback | None = None
        self._arrived: asyncio.Queue[Call] = asyncio.Queue()

    def factory(self, settings: Settings, progress: ProgressCallback) -> FakeRuntime:
        self.made_with.append(settings)
        self.progress = progress
        self.made.set()
        return self

    async def next_call(self) -> Call:
        return await self._arrived.get()

    async def info(self) -> ModelInfo:
        if self.loaded is not None:
            await self.loaded.wait()
        if isinstance(self.model, Exception):
            raise self.model
        return self.model

    async def complete(self, request: Request) -> Completion:
        call = self._arrive(request)
        with call.noting_abort():
            return await self._completion(call)

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Send the text in pieces of one character, or what `piece_len` says."""
        call = self._arrive(request)
        with call.noting_abort():
            done = await self._completion(call)
            for start in range(0, len(done.text), self.piece_len):
                if start == self.stops_after:
                    await call.hang()
                call.num_sent += 1
                yield Chunk(done.text[start : start + self.piece_len])
            yield Finished(done.finish_reason, done.usage, done.timings)

    def _arrive(self, request: Request) -> Call:
        call = Call(request)
        self.calls.append(call)
        self._arrived.put_nowait(call)
        return call

    async def _completion(self, call: Call) -> Completion:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return await call.reply if self.outcome is None else completion(self.outcome)

    async def close(self) -> None:
        self.num_closed += 1
