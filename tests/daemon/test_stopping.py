"""`stop_daemon` on processes that do not do as they are told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_runtime import running
from model_runtime.api import RuntimeUnavailable
from model_runtime.client import DaemonRuntime, stop_daemon
from model_runtime.places import DaemonSpec
from model_runtime.transport import Endpoint, answers, is_daemon

DEAF = """
import signal, socket, sys
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[2])
listener.listen(1)
print("listening", flush=True)
signal.pause()
"""


class Deaf:
    """A process that looks like a daemon, listens, and never answers."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "fimbria"
        self.program.write_text(DEAF)
        self._socket = folder / "s"
        self._process: subprocess.Popen[str] | None = None

    def start(self, command: str = "serve", *arguments: str) -> Endpoint:
        self._process = subprocess.Popen(
            [sys.executable, str(self.program), command, str(self._socket), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "listening\n"
        return Endpoint(
            path=str(self._socket), pid=self._process.pid, model="m", device="", dtype=""
        )

    def exit_status(self) -> int | None:
        assert self._process
        return self._process.poll()

    def end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def deaf(runtime_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deaf]:
    patience = [(number, 0.2 if number == signal.SIGTERM else 60) for number, _ in running._FORCE]
    monkeypatch.setattr(running, "_FORCE", patience)
    daemon = Deaf(runtime_dir)
    yield daemon
    daemon.end()


@pytest.mark.parametrize(
    ("arguments", "ending"), [((), signal.SIGTERM), (("stubborn",), signal.SIGKILL)]
)
def test_a_daemon_that_does_not_answer_is_ended_by_force(
    deaf: Deaf, arguments: tuple[str, ...], ending: signal.Signals
) -> None:
    endpoint = deaf.start("serve", *arguments)
    assert asyncio.run(stop_daemon(endpoint, timeout_s=0.1))
    assert deaf.exit_status() == -ending


def test_a_stopped_process_is_ended_too(deaf: Deaf) -> None:
    endpoint = deaf.start()
    os.kill(endpoint.pid, signal.SIGSTOP)
    assert asyncio.run(stop_daemon(endpoint, timeout_s=0.1))
    assert deaf.exit_status() == -signal.SIGKILL


def test_another_program_that_got_the_number_is_left_alone(deaf: Deaf) -> None:
    endpoint = deaf.start("something-else")
    with pytest.raises(RuntimeUnavailable, match=f"process {endpoint.pid}.*does not answer"):
        asyncio.run(stop_daemon(endpoint, timeout_s=0.1))
    assert deaf.exit_status() is None


def test_a_daemon_is_known_by_its_command_line(deaf: Deaf) -> None:
    assert is_daemon(deaf.start().pid)
    assert not is_daemon(os.getpid())
    assert not is_daemon(2**22 + 1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse the connection")
def test_a_daemon_with_a_full_queue_still_counts_as_running(deaf: Deaf) -> None:
    endpoint = deaf.start()
    waiting = []
    try:
        while True:
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            waiting[-1].connect(endpoint.path)
    except BlockingIOError:
        assert answers(endpoint, timeout_s=0.1)
    finally:
        for connection in waiting:
            connection.close()


def test_a_lock_that_nobody_answers_for_is_told_with_what_to_do(
    runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 0\n")  # as a daemon does that finds the lock taken
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr("model_runtime.launch.LOCKED_TIMEOUT_S", 0.0)

    async def run() -> None:
        with pytest.raises(RuntimeUnavailable, match="runs, but does not answer") as caught:
            await DaemonRuntime(DaemonSpec()).info()
        assert "fimbria stop" in caught.value.hint
        assert ".lock" in caught.value.hint

    asyncio.run(run())
