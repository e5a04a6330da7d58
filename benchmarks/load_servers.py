"""What several typists share: our daemon, and transformers in two ways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.peers import Peer
from benchmarks.questions import MAX_TOKENS, Asker
from benchmarks.resident import cpu_daemon, private_place
from benchmarks.traces import Step
from benchmarks.typists import Answer, Server
from model_runtime.api import CompletionRequest, Finished
from model_runtime.client import DaemonRuntime, stop_daemon

FIMBRIA = "fimbria"
BATCHING = "continuous-batching"
QUEUE = "generate-cached"
SERVERS = (FIMBRIA, BATCHING, QUEUE)

_PAGE = 256  # transformers' own default
_BATCH_TOKENS = 512
_DEADLINE_S = 60.0


class PeerFailed(Exception):
    """A peer cannot do this here; the message says why."""


@dataclass(frozen=True, slots=True)
class DaemonServer:
    """Our daemon over its socket; each typist's document has a key of its own."""

    runtime: DaemonRuntime
    asker: Asker

    async def answer(self, typist: int, step: Step) -> Answer:
        """See Server."""
        request = _of(typist, replace(self.asker.completion(step), stop=()))
        began = time.perf_counter()
        first_ms = 0.0
        async with aclosing(self.runtime.stream(request)) as events:
            async for event in events:
                first_ms = first_ms or 1000 * (time.perf_counter() - began)
                if isinstance(event, Finished):
                    usage = event.usage
        return Answer(
            first_ms,
            1000 * (time.perf_counter() - began),
            usage.prompt_tokens,
            usage.cached_tokens,
            usage.completion_tokens,
        )

    async def prepare(self, typist: int, step: Step) -> None:
        """Send a warm-up, as the language server does."""
        await self.runtime.complete(_of(typist, self.asker.warm_up(step)))


@dataclass(slots=True)
class BatchingServer:
    """transformers' ContinuousBatchingManager in this process; it has its own thread."""

    manager: Any
    asker: Asker
    _numbers: count[int] = field(default_factory=count)

    async def answer(self, _typist: int, step: Step) -> Answer:
        """See Server. Raises PeerFailed."""
        prompt = self.asker.renderer.render(self.asker.completion(step))
        name = str(next(self._numbers))
        outputs: asyncio.Queue[Any] = asyncio.Queue()
        began = time.perf_counter()
        self.manager.register_result_handler(name, outputs.put_nowait)
        self.manager.add_request(
            prompt.ids,
            name,
            max_new_tokens=MAX_TOKENS,
            streaming=True,
            eos_token_id=sorted(prompt.end_ids),
        )
        first_ms = 0.0
        try:
            async with asyncio.timeout(_DEADLINE_S):
                while not (output := await outputs.get()).is_finished():
                    first_ms = first_ms or 1000 * (time.perf_counter() - began)
        except asyncio.CancelledError:
            self.manager.cancel_request(name)
            raise
        except TimeoutError:
            raise PeerFailed(f"nothing came for {_DEADLINE_S:g} s") from None
        if output.error is not None:
            raise PeerFailed(output.error)
        answer_ms = 1000 * (time.perf_counter() - began)
        num_tokens = len(output.generated_tokens)
        return Answer(first_ms or answer_ms, answer_ms, len(prompt.ids), None, num_tokens)

    async def prepare(self, _typist: int, _step: Step) -> None:
        """Nothing: it knows no request that nobody waits for."""


@dataclass(frozen=True, slots=True)
class QueueServer:
    """One Peer, asked one thing after the other. What has begun cannot be aborted; what waits
    can.
    """

    peer: Peer
    asker: Asker
    thread: ThreadPoolExecutor

    async def answer(self, _typist: int, step: Step) -> Answer:
        """See Server."""
        ids = self.asker.renderer.render(self.asker.completion(step)).ids
        began = time.perf_counter()
        measured = await asyncio.wrap_future(self.thread.submit(self.peer.answer, ids, MAX_TOKENS))
        answer_ms = 1000 * (time.perf_counter() - began)
        return Answer(
            answer_ms - (measured.answer_ms - measured.ttft_ms),
            answer_ms,
            measured.prompt_tokens,
            measured.cached_tokens,
            measured.completion_tokens,
        )

    async def prepare(self, _typist: int, _step: Step) -> None:
        """Nothing: with one cache, computing ahead for one typist throws another's away."""


@asynccontextmanager
async def open_server(
    name: str, folder: Path, asker: Asker, num_threads: int, most_typists: int
) -> AsyncIterator[Server]:
    """Start one of SERVERS in float32 on the CPU. Raises RuntimeFailure, PeerFailed."""
    async with AsyncExitStack() as stack:
        if name == FIMBRIA:
            yield await _open_daemon(folder, asker, num_threads, stack)
        elif name == BATCHING:
            yield _open_batching(folder, asker, num_threads, most_typists, stack)
        else:
            yield _open_queue(folder, asker, num_threads, stack)


def _of(typist: int, request: CompletionRequest) -> CompletionRequest:
    return replace(request, document=f"typist-{typist}")


async def _open_daemon(
    folder: Path, asker: Asker, num_threads: int, stack: AsyncExitStack
) -> Server:
    stack.enter_context(private_place(num_threads))
    spec = cpu_daemon(folder)
    runtime = DaemonRuntime(spec)
    stack.push_async_callback(stop_daemon, spec)
    stack.push_async_callback(runtime.close)
    await runtime.info()
    return DaemonServer(runtime, asker)


def _open_batching(
    folder: Path, asker: Asker, num_threads: int, most_typists: int, stack: AsyncExitStack
) -> Server:
    from transformers import ContinuousBatchingConfig, GenerationConfig

    from benchmarks.peers.generate import load_reference

    longest = asker.renderer.context_length
    config = ContinuousBatchingConfig(
        page_size=_PAGE,
        # Sized for what is measured; by itself it takes most of the machine's memory.
        num_blocks=most_typists * (longest // _PAGE + 1),
        max_batch_tokens=_BATCH_TOKENS,
        max_requests_per_batch=most_typists,
    )
    generation = GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0)
    model = load_reference(folder, num_threads)
    try:
        manager = model.init_continuous_batching(generation, config)
        manager.start()
    except Exception as error:
        raise PeerFailed(f"{type(error).__name__}: {error}") from error
    stack.callback(manager.stop, block=True)
    return BatchingServer(manager, asker)


def _open_queue(folder: Path, asker: Asker, num_threads: int, stack: AsyncExitStack) -> Server:
    from benchmarks.peers.generate import CachedEngine, load_reference

    thread = stack.enter_context(ThreadPoolExecutor(1))
    peer = CachedEngine(load_reference(folder, num_threads))
    return QueueServer(peer, asker, thread)
