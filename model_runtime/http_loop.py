"""Runs the HTTP front until something ends it: a signal, a client's wish, idleness, a model that
cannot be loaded, or a device that has failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import uvicorn

from model_runtime.listening import Listener
from model_runtime.resident import ResidentModel
from model_runtime.resident_models import ResidentModels
from model_runtime.server import ServerOptions, make_app

_DAY_S = 86_400
_GRACE_S = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ends:
    """What ends a daemon, beside a signal, a client and a device that has failed.

    idle_timeout_s: end after so many seconds without a request; 0 never does.
    linger_s: how long a model that cannot be loaded is reported, before that ends the daemon.
    fault: says why no client can find the daemon any more, else None; asked every `look_s` seconds.
    """

    idle_timeout_s: float
    linger_s: float
    fault: Callable[[], str | None]
    look_s: float = 5.0


async def run_server(listener: Listener, models: ResidentModels, ends: Ends) -> None:
    """Serve `models` at `listener` and return when the daemon should end; running requests have
    been aborted then.
    """
    model = models.own
    ending = _Ending()
    options = ServerOptions(
        stop=lambda: ending.because("a client asked for it"),
        token=listener.token,
        idle_timeout_s=ends.idle_timeout_s,
    )
    server = _Server(_config(make_app(models, options)), ending)
    reasons = [
        ending.after(_linger(model, ends.linger_s), "there is no model to serve"),
        ending.after(model.until_lost(), "the device has failed"),
        ending.after(_until_unfindable(ends), "no client can find this daemon"),
    ]
    if ends.idle_timeout_s > 0:
        idle = model.until_idle(ends.idle_timeout_s)
        reasons.append(ending.after(idle, "nobody asks for anything"))
    serving = asyncio.create_task(server.serve(sockets=[listener.socket]))
    serving.add_done_callback(lambda _: ending.because("the server has ended"))
    try:
        with _signals(ending.because):
            await ending.happened()
    finally:
        for reason in reasons:
            reason.cancel()
        models.stop()
        ending.because("interrupted")
        await serving
        await asyncio.to_thread(models.close)


class _Ending:
    """The moment at which the daemon begins to end. All of it on the event loop's thread."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()

    def because(self, reason: str) -> None:
        if not self._reached.is_set():
            logger.info("ending: %s", reason)
        self._reached.set()

    def after(self, condition: Awaitable[None], reason: str) -> asyncio.Task[None]:
        async def watch() -> None:
            await condition
            self.because(reason)

        return asyncio.create_task(watch())

    async def happened(self) -> None:
        await self._reached.wait()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ending: _Ending) -> None:
        super().__init__(config)
        self._ending = ending

    async def main_loop(self) -> None:
        """Sleep until the end; uvicorn's own would wake the processor ten times a second."""
        await self.on_tick(0)
        await self._ending.happened()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: uvicorn would raise them again when it has ended, before the
        socket's file is removed.
        """
        yield


def _config(app: Callable[..., object]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        # An editor window may stay open, and silent, for long; its connection costs nothing.
        timeout_keep_alive=_DAY_S,
        timeout_graceful_shutdown=_GRACE_S,
    )


async def _linger(model: ResidentModel, linger_s: float) -> None:
    await model.until_failed()
    await asyncio.sleep(linger_s)


async def _until_unfindable(ends: Ends) -> None:
    while (fault := ends.fault()) is None:  # noqa: ASYNC110 - files tell nobody when they vanish
        await asyncio.sleep(ends.look_s)
    logger.warning("%s", fault)


@contextlib.contextmanager
def _signals(stop: Callable[[str], None]) -> Iterator[None]:
    """While open, SIGTERM and SIGINT end the daemon; without effect outside the main thread."""
    loop = asyncio.get_running_loop()
    handled = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(number, stop, f"received {number.name}")
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
