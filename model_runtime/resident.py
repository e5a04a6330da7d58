"""The model that lives in the daemon: loading it on a thread of its own, and what is known of it
meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

from model_runtime.api import (
    Event,
    Finished,
    LoadProgress,
    ModelInfo,
    ProgressCallback,
    Request,
    RuntimeFailure,
    RuntimeUnavailable,
    UnsupportedModel,
)
from model_runtime.failures import DeviceLost, memory_failure

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = logging.getLogger(__name__)

Abort = Callable[[], None]


class EngineLike(Protocol):
    """What the daemon needs of an engine: see model_runtime.engine."""

    @property
    def info(self) -> ModelInfo: ...

    def submit(self, request: Request, emit: Callable[[Event | RuntimeFailure], None]) -> Abort: ...

    def stats(self) -> DataclassInstance: ...

    def close(self) -> None: ...


LoadEngine = Callable[[ProgressCallback], EngineLike]


class ResidentModel:
    """One model from the start of its loading to the daemon's end. All but `start` is for the event
    loop's thread.
    """

    def __init__(
        self,
        load: LoadEngine,
        name: str = "",
        on_lost: Callable[[DeviceLost], None] | None = None,
    ) -> None:
        """on_lost: told when the device has failed, for other models on it."""
        self.name = name
        self._on_lost = on_lost
        self.progress = LoadProgress("starting", 0.0)
        self.lost: DeviceLost | None = None
        """Why the loaded model will never answer again."""
        self._losing = asyncio.Event()
        self._load = load
        self._loaded: Future[EngineLike] = Future()
        self._running: set[Abort] = set()
        self._num_waiting = 0
        self._last_active = time.monotonic()
        # From now on, a waiting request that is cancelled cannot cancel the loading.
        self._loaded.set_running_or_notify_cancel()

    def start(self) -> None:
        """Load in the background."""
        threading.Thread(target=self._run_load, name="fimbria-load", daemon=True).start()

    @property
    def loading(self) -> bool:
        return not self._loaded.done()

    @property
    def state(self) -> str:
        """`loading`, `failed` or `ready`."""
        if self.failure:
            return "failed"
        return "loading" if self.loading else "ready"

    @property
    def failure(self) -> RuntimeFailure | None:
        """Why there is no model; None while it loads and once it is there."""
        error = None if self.loading else self._loaded.exception()
        return error if isinstance(error, RuntimeFailure) else None

    @property
    def busy(self) -> bool:
        """Whether it loads, or somebody waits for its answer."""
        return self.loading or self._num_waiting > 0

    @property
    def idle_s(self) -> float:
        """Seconds since the last request was answered; 0 while one waits or runs."""
        busy = self._num_waiting or self.loading
        return 0.0 if busy else time.monotonic() - self._last_active

    def ready_engine(self) -> EngineLike | None:
        """The engine, when it is there."""
        return None if self.loading or self.failure else self._loaded.result()

    async def engine(self) -> EngineLike:
        """Wait for the engine. Raises the RuntimeFailure of its loading, DeviceLost."""
        if self.lost:
            raise self.lost
        return await asyncio.wrap_future(self._loaded)

    async def events(self, engine: EngineLike, request: Request) -> AsyncGenerator[Event, None]:
        """Run `request`. Closing the iterator before its end aborts. Raises RuntimeFailure."""
        queue: asyncio.Queue[Event | RuntimeFailure] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def emit(event: Event | RuntimeFailure) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to tell
                loop.call_soon_threadsafe(queue.put_nowait, event)

        abort = engine.submit(request, emit)
        self._running.add(abort)
        try:
            while True:
                event = await queue.get()
                if isinstance(event, RuntimeFailure):
                    self._note(event)
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            self._running.discard(abort)
            abort()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """While a client waits for an answer. Requests of idle priority count too: they follow upon
        what somebody types, so they keep no daemon that nobody uses.
        """
        self._num_waiting += 1
        try:
            yield
        finally:
            self._num_waiting -= 1
            self._last_active = time.monotonic()

    async def until_idle(self, timeout_s: float) -> None:
        """Return when nothing was asked for `timeout_s` seconds."""
        while (remaining := timeout_s - self.idle_s) > 0:  # noqa: ASYNC110 - a deadline that moves
            await asyncio.sleep(remaining)

    async def until_failed(self) -> None:
        """Return when the loading has failed; wait for ever when it has not."""
        with contextlib.suppress(RuntimeFailure):
            await self.engine()
            await asyncio.Event().wait()

    async def until_lost(self) -> None:
        """Return when the device has failed for good."""
        await self._losing.wait()

    def stop(self) -> None:
        """Abort what runs and refuse what comes."""
        if self.loading:
            with contextlib.suppress(InvalidStateError):
                self._loaded.set_exception(RuntimeUnavailable("The model daemon is ending."))
        for abort in tuple(self._running):
            abort()

    def close(self) -> None:
        """End the engine's thread, when there is one."""
        engine = self.ready_engine()
        if engine:
            engine.close()

    def engine_stats(self) -> dict[str, object] | None:
        engine = self.ready_engine()
        return asdict(engine.stats()) if engine else None

    def lose(self, failure: DeviceLost) -> None:
        """Note that the device has failed: this model will never answer again."""
        self.lost = failure
        self._losing.set()
        if self._on_lost:
            self._on_lost(failure)

    def _note(self, failure: RuntimeFailure) -> None:
        if isinstance(failure, DeviceLost):
            self.lose(failure)

    def _run_load(self) -> None:
        began = time.monotonic()
        try:
            engine = self._load(self._report)
        except BaseException as error:  # noqa: BLE001 - whatever it is, waiting requests must hear of it
            failure = _load_failure(error)
            # What raised it holds on to what had been loaded.
            del error
            give_memory_back()
            self._fail(failure)
            return
        with contextlib.suppress(InvalidStateError):  # told to stop meanwhile
            self._loaded.set_result(engine)
        self._last_active = time.monotonic()
        logger.info("model %s ready after %.2f s", engine.info.id, self._last_active - began)

    def _report(self, progress: LoadProgress) -> None:
        self.progress = progress

    def _fail(self, failure: RuntimeFailure) -> None:
        logger.error("the model could not be loaded: %s", failure)
        with contextlib.suppress(InvalidStateError):
            self._loaded.set_exception(failure)


def _load_failure(error: BaseException) -> RuntimeFailure:
    """What to tell of a failed loading, without the frames in which half a model may live on."""
    failure = _explained(error)
    failure.__cause__ = failure.__context__ = None
    return failure.with_traceback(None)


def _explained(error: BaseException) -> RuntimeFailure:
    if isinstance(error, RuntimeFailure):
        return error
    logger.error("loading failed", exc_info=error)
    return memory_failure(error) or UnsupportedModel(
        f"The model could not be loaded: {type(error).__name__}: {error}",
        "If its files are damaged, download them again.",
    )


def give_memory_back() -> None:
    """Let others on the device have what a model that is gone has left behind."""
    gc.unfreeze()  # see daemon.py: what is frozen is never looked at
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
