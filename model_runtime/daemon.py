"""The daemon's life: one lock, one socket, one model; from binding the socket to removing it."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from model_runtime.adapters import resolve_adapter
from model_runtime.api import ProgressCallback, RuntimeUnavailable
from model_runtime.device_turns import DeviceTurns
from model_runtime.listening import Listener, open_listener
from model_runtime.models import resolve_model
from model_runtime.places import DaemonFiles, DaemonSpec, daemon_files
from model_runtime.presence import Presence
from model_runtime.resident import EngineLike, LoadEngine, ResidentModel
from model_runtime.resident_models import LoadChat, ResidentModels
from model_runtime.transport import Endpoint, read_endpoint

if TYPE_CHECKING:
    from filelock import BaseFileLock

FAILED_LINGER_S = 10.0
"""How long a daemon whose model cannot be loaded tells clients why, before it ends."""
LOG_LEVEL_VARIABLE = "FIMBRIA_LOG_LEVEL"

logger = logging.getLogger(__name__)


def serve(
    spec: DaemonSpec, *, foreground: bool = True, begun: Callable[[], None] = lambda: None
) -> int:
    """Be the daemon for `spec` until told to stop; returns the exit status. begun: called when it
    is sure that no other one serves this model.

    In the foreground, logs go to the terminal, and RuntimeUnavailable is raised when another daemon
    serves this model already. In the background (standard error is the log file then), such a late
    one ends quietly with status 0: two clients have started a daemon at the same moment, and one is
    enough. Raises ModelNotFound.
    """
    files = daemon_files(spec)
    lock = _take_lock(files)
    if lock is None:
        if not foreground:
            return 0
        other = read_endpoint(files.endpoint)
        who = f" (process {other.pid})" if other else ""
        raise RuntimeUnavailable(f"A daemon for this model runs already{who}.", "Stop it first.")
    try:
        begun()
        _set_up_log(files, foreground)
        with _sigterm_raises(), _listening(spec, files, foreground) as (listener, presence):
            return _serve_at(listener, presence, spec)
    finally:
        lock.release()


def _take_lock(files: DaemonFiles) -> BaseFileLock | None:
    import filelock

    lock = filelock.FileLock(files.lock, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return None
    return lock


@contextlib.contextmanager
def _listening(
    spec: DaemonSpec, files: DaemonFiles, foreground: bool
) -> Iterator[tuple[Listener, Presence]]:
    """Bind and tell clients where; at the end, leave nothing behind."""
    listener = open_listener(spec, files, logger.warning)
    endpoint = Endpoint(
        path=listener.path,
        port=listener.port,
        token=listener.token,
        pid=os.getpid(),
        model=str(resolve_model(spec.model)),
        device=spec.device,
        dtype=spec.dtype,
        adapter=str(resolve_adapter(spec.adapter)) if spec.adapter else "",
        context_length=spec.context_length,
        family=spec.family,
        log="" if foreground else str(files.log),
    )
    presence = Presence(files, endpoint, listener)
    try:
        presence.announce()
        logger.info("listening at %s", listener.path or f"127.0.0.1:{listener.port}")
        yield listener, presence
    finally:
        presence.withdraw()
        logger.info("ended")


def _serve_at(listener: Listener, presence: Presence, spec: DaemonSpec) -> int:
    turns = DeviceTurns()
    model = ResidentModel(loader(spec, turns), name=spec.model)
    model.start()
    models = ResidentModels(model, chat_loader(spec, turns), spec.chat_model)
    # Imported while the other thread imports torch; the socket is bound, so clients wait and are
    # not refused.
    from model_runtime.http_loop import Ends, run_server

    ends = Ends(spec.idle_timeout_s, FAILED_LINGER_S, presence.fault)
    asyncio.run(run_server(listener, models, ends))
    return 1 if model.failure or model.lost else 0


def loader(spec: DaemonSpec, turns: DeviceTurns) -> LoadEngine:
    """How to load the model of `spec`. turns: shared with the chat model."""

    def load(progress: ProgressCallback) -> EngineLike:
        # Imported on the loading thread: torch takes over a second.
        with _garbage_left_alone():
            from model_runtime.chat_loading import first_options
            from model_runtime.loading import load_engine

            folder, options = resolve_model(spec.model), first_options(spec)
            return load_engine(folder, options, progress=progress, turns=turns)

    return load


def chat_loader(spec: DaemonSpec, turns: DeviceTurns) -> LoadChat:
    """How to load a second model beside that of `spec`; a failure leaves the first as it was."""

    def load(name: str, progress: ProgressCallback) -> EngineLike:
        from model_runtime.chat_loading import load_chat_engine

        with _garbage_left_alone():
            return load_chat_engine(replace(spec, chat_model=name), progress, turns)

    return lambda name: partial(load, name)


@contextlib.contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """What torch and a model define lives as long as the process, so looking for garbage in it only
    costs time, now and between tokens.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def leave(status: int) -> NoReturn:
    """End the process at once: a thread that still loads must not meet an interpreter that is being
    taken down.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _set_up_log(files: DaemonFiles, foreground: bool) -> None:
    if not foreground:
        _begin_log_file(files)
    logging.basicConfig(
        stream=sys.stderr,
        level=_log_level(os.environ.get(LOG_LEVEL_VARIABLE, "")),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    faulthandler.enable()


def _log_level(name: str) -> int:
    return logging.getLevelNamesMapping().get(name.upper(), logging.INFO)


def _begin_log_file(files: DaemonFiles) -> None:
    """Start an empty log for standard output and error, and keep the one before: it may say why
    that daemon died.
    """
    # The client that starts the first daemon has made an empty one.
    if files.log.exists() and files.log.stat().st_size:
        files.log.replace(files.previous_log)
    descriptor = os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


@contextlib.contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Until the event loop handles it, SIGTERM ends the process by way of the clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
