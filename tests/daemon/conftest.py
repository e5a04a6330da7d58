"""A private runtime folder for each daemon test; no daemon outlives it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_runtime.client import running_daemons
from tests.daemon.waiting import wait_until_gone


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    with private_runtime_dir() as folder:
        yield folder


@pytest.fixture(scope="module")
def shared_runtime_dir() -> Iterator[Path]:
    with private_runtime_dir() as folder:
        yield folder


@contextlib.contextmanager
def private_runtime_dir() -> Iterator[Path]:
    # Not pytest's tmp_path: a socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="fimbria-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIMBRIA_RUNTIME_DIR", str(folder))
        patch.delenv("FIMBRIA_TRANSPORT", raising=False)
        try:
            yield folder
        finally:
            kill_daemons()
    shutil.rmtree(folder)


def kill_daemons() -> None:
    pids = [daemon.pid for daemon in running_daemons() if daemon.pid != os.getpid()]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        wait_until_gone(pid)
