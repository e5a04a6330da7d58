"""Starting a daemon in the background and learning why it died."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

from model_runtime.adapters import resolve_adapter
from model_runtime.api import RuntimeFailure, RuntimeUnavailable
from model_runtime.models import STARTER, resolve_model
from model_runtime.packages import check_packages
from model_runtime.places import RUNTIME_DIR_VARIABLE, DaemonFiles, DaemonSpec, log_hint

ANSWER_TIMEOUT_S = 60.0
"""A new daemon listens before it loads anything large, so this is long even for a slow disk."""

RETRY_PAUSE_S = 30.0
"""After failures, requests fail at once for so long: if each keystroke started a daemon, the
machine would do nothing else.
"""

LOCKED_TIMEOUT_S = 15.0
"""Longer than a daemon takes to end, or to notice that it cannot be found."""

_MAX_USELESS = 2
_RESTART_PAUSE_S = 0.5
_REAP_TIMEOUT_S = 1.0
_LOG_TAIL_BYTES = 8192
_NEWS = re.compile(r"[0-9-]+ [0-9:,]+ (?:DEBUG|INFO) ")
"""How a line of the daemon's log begins (daemon.py) that tells of nothing wrong."""


class Launcher:
    """Keeps trying to have a daemon for `spec`, for a client that finds nobody there."""

    def __init__(self, spec: DaemonSpec, files: DaemonFiles) -> None:
        self._spec = spec
        self._files = files
        self._began = time.monotonic()
        self._spawned_at = 0.0
        self._locked_since: float | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def nobody_answers(self) -> None:
        """Start a daemon when none is on its way. Raises RuntimeFailure when that fails, or could
        only fail.
        """
        if self._process is None:
            check_packages(self._spec)
            self._spawn()
            return
        status = self._process.poll()
        if status == 0:
            self._lock_was_taken()
        elif status is not None:
            raise self._failure(_describe_exit(status))
        elif time.monotonic() - self._began > ANSWER_TIMEOUT_S:
            raise self._failure(f"does not answer after {ANSWER_TIMEOUT_S:.0f} s")

    def loading_failed(self) -> RuntimeUnavailable:
        """What became of a daemon that answered and then went away before its model was loaded."""
        status = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._process.wait(_REAP_TIMEOUT_S)
        return self._failure(_describe_exit(status) if status else "ended while it was loading")

    def _lock_was_taken(self) -> None:
        """Another daemon has the lock. If it is about to end, one of our own will get it."""
        now = time.monotonic()
        self._locked_since = self._locked_since or now
        if now - self._locked_since > LOCKED_TIMEOUT_S:
            lock = self._files.lock
            raise RuntimeUnavailable(
                "The model daemon runs, but does not answer.",
                f"`fimbria stop` ends it; if that finds none, `fuser {lock}` names its process. "
                f"{log_hint(self._files.log)}",
            )
        if now - self._spawned_at > _RESTART_PAUSE_S:
            self._spawn()

    def _spawn(self) -> None:
        self._spawned_at = time.monotonic()
        try:
            self._process = spawn_daemon(self._spec, self._files)
        except OSError as error:
            what = f": {error.filename}" if error.filename else ""
            raise RuntimeUnavailable(
                f"The model daemon cannot be started ({error.strerror or error}{what}).",
                f"Its files are in {self._files.folder}; {RUNTIME_DIR_VARIABLE} chooses another "
                "folder.",
            ) from error

    def _failure(self, what: str) -> RuntimeUnavailable:
        log = self._files.log
        return RuntimeUnavailable(
            f"The model daemon {what}. {last_log_line(log)}".strip(), log_hint(log)
        )


class RestartBrake:
    """Remembers how the last daemons ended, so that a model that cannot be loaded, or that ends at
    every request, is not loaded again and again.
    """

    def __init__(self) -> None:
        self._num_useless = 0
        self._failure: RuntimeFailure | None = None
        self._retry_at = 0.0

    def check(self) -> None:
        """Raise what is remembered, until it is time to try again."""
        if self._failure and time.monotonic() < self._retry_at:
            raise self._failure.with_traceback(None)

    def start_failed(self, failure: RuntimeFailure) -> RuntimeFailure:
        """Remember and return `failure`."""
        self._failure = failure
        self._retry_at = time.monotonic() + RETRY_PAUSE_S
        return failure

    def daemon_lost(self, failure: RuntimeUnavailable, *, has_answered: bool) -> None:
        """Count a loaded daemon that has ended: once is an accident, twice without any answer is
        not. `failure` says why, and where to read on.
        """
        self._num_useless = 0 if has_answered else self._num_useless + 1
        if self._num_useless >= _MAX_USELESS:
            self.start_failed(
                RuntimeUnavailable(
                    f"The model daemon ends at every request. {failure.message}",
                    f"It is tried again after {RETRY_PAUSE_S:.0f} s. {failure.hint}".strip(),
                )
            )


def spawn_daemon(spec: DaemonSpec, files: DaemonFiles) -> subprocess.Popen[bytes]:
    """Start a daemon that outlives this process and has no part in its standard streams. Raises
    OSError, ModelNotFound.
    """
    # The daemon itself begins a new log once it has the lock; before that it can only append.
    descriptor = os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "ab") as log:
        process = subprocess.Popen(
            _command(spec),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=files.folder,
            env=_environment(files.folder),
            start_new_session=True,
        )
    # Someone has to wait for it, or it stays a zombie as long as this process lives.
    threading.Thread(target=process.wait, name="fimbria-reaper", daemon=True).start()
    return process


def last_log_line(log: Path) -> str:
    """The last line that may say why a daemon has ended: neither blank nor ordinary news. Empty
    when there is none.
    """
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            lines = stream.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    telling = (line.strip() for line in reversed(lines) if not _NEWS.match(line))
    return next(filter(None, telling), "")


def _command(spec: DaemonSpec) -> list[str]:
    # -P: never import from the current folder, which may be a workspace that nobody has vetted.
    command = [sys.executable, "-P", "-m", "model_runtime", "serve", "--background"]
    command += ["--model", _absolute(spec.model), "--device", spec.device, "--dtype", spec.dtype]
    command += [f"--kv-memory={spec.kv_memory}", f"--context-length={spec.context_length}"]
    command += [f"--family={spec.family}", f"--chat-model={absolute_if_there(spec.chat_model)}"]
    if spec.adapter:
        command += [f"--adapter={resolve_adapter(spec.adapter)}"]
    return [*command, "--idle-timeout", str(spec.idle_timeout_s), "--transport", spec.transport]


def _absolute(model: str) -> str:
    return STARTER if model == STARTER else str(resolve_model(model))


def absolute_if_there(model: str) -> str:
    """How a process in another folder finds a second model. One that is missing is the concern of
    the first chat, not of the start.
    """
    folder = Path(model)
    return str(folder.absolute()) if model and folder.is_dir() else model


def _environment(runtime_folder: Path) -> dict[str, str]:
    """This process's environment for a daemon that works in another folder: the runtime folder's
    whole path, and a path to this package where it was never installed.
    """
    environment = {**os.environ, RUNTIME_DIR_VARIABLE: str(runtime_folder)}
    home = Path(__file__).resolve().parent.parent
    if home.name not in ("site-packages", "dist-packages"):
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{inherited}{os.pathsep}{home}" if inherited else str(home)
    return environment


def _describe_exit(status: int) -> str:
    if status == -9:
        return "was killed while it started, perhaps because memory ran out"
    if status < 0:
        return f"was ended by signal {-status} while it started"
    return f"ended while it started (status {status})"
