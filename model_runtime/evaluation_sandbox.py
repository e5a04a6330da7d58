"""Runs generated programs in a jail that is tried before each use.

Nothing of it is trusted to work because it should: `prove` has a probe try to get out, and the
caller runs nothing where one of its attempts comes through.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from model_runtime.api import RuntimeFailure
from model_runtime.evaluation_probe import PROBE

WALL_SECONDS = 10.0
MEMORY = 1024 * 2**20
NUM_PROCESSES = 32
_JAIL = Path(__file__).with_name("evaluation_jail.py")
_COMMAND = (sys.executable, "-I", "-S", str(_JAIL))
_HINT = (
    "Leave --execute out for everything but pass@1, or run it where user namespaces are allowed: "
    "on Linux 5.12 or newer, in a virtual machine, or in a container started with "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended. output: what it told on the channel that it was given."""

    status: int
    output: bytes
    errors: str


@dataclass(frozen=True, slots=True)
class _Bait:
    """Things outside that the probe goes for. port, name: where a listener of ours waits; folder
    and secret: a file that others must not read; pid: a process of ours.
    """

    listeners: tuple[socket.socket, ...]
    folder: Path
    secret: str
    decoy: subprocess.Popen[bytes]
    name: str

    def as_json(self) -> str:
        """What the probe is told."""
        return json.dumps(
            {
                "port": self.listeners[0].getsockname()[1],
                "name": self.name,
                "folder": str(self.folder),
                "pid": self.decoy.pid,
                "memory": MEMORY,
                "processes": NUM_PROCESSES,
            }
        )


def prove() -> None:
    """Try the jail: it must run what is harmless, tell failures, and hold the probe. Raises
    RuntimeFailure where there is no such jail, and says why.
    """
    if sys.platform != "linux":
        raise RuntimeFailure("Generated code is run in Linux namespaces only.", _HINT)
    harmless = _run(_told("pass", b"word"), WALL_SECONDS)
    if harmless.output != b"word":
        reason = (harmless.errors.strip().splitlines() or ["it runs nothing"])[-1]
        raise RuntimeFailure(f"There is no sandbox to be had here: {reason}.", _HINT)
    for program, what in (
        ("assert False", "failures"),
        ("import os; os._exit(0)", "programs that end themselves"),
        ("while True: pass", "endless programs"),
    ):
        if passes(program, wall_seconds=2.0):
            raise RuntimeFailure(f"The sandbox does not notice {what}.", _HINT)
    ways_out = escapes()
    if ways_out:
        raise RuntimeFailure(f"The sandbox leaks: {', '.join(ways_out)}.", _HINT)


def passes(program: str, *, wall_seconds: float = WALL_SECONDS) -> bool:
    """Whether `program` runs to its end without an error, in the jail."""
    word = secrets.token_hex(16).encode()
    return _run(_told(program, word), wall_seconds).output == word


def escapes() -> list[str]:
    """What a probe in the jail got hold of; empty when it holds."""
    with _laid_out() as bait:
        program = f"BAIT = {bait.as_json()}\n{PROBE}"
        outcome = _run(program.encode(), 2 * WALL_SECONDS, show=True)
        found = _found(outcome)
        if bait.secret in outcome.output.decode(errors="replace"):
            found.append("read a file")
        if [one.name for one in bait.folder.iterdir()] != ["secret"]:
            found.append("wrote a file")
        if bait.decoy.poll() is not None:
            found.append("ended a process")
        if any(map(_was_reached, bait.listeners)):
            found.append("reached the network")
    return sorted(set(found))


def _found(outcome: Outcome) -> list[str]:
    try:
        found = json.loads(outcome.output.splitlines()[-1])
    except (ValueError, IndexError):
        return ["the probe did not come to its end"]
    return [str(one) for one in found]


@contextmanager
def _laid_out() -> Iterator[_Bait]:
    name = f"fimbria-{secrets.token_hex(8)}"
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_INET) as inet,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        inet.bind(("127.0.0.1", 0))
        unix.bind(f"\0{name}")
        for listener in (inet, unix):
            listener.listen()
            listener.setblocking(False)
        secret = secrets.token_hex(16)
        (Path(folder) / "secret").write_text(secret, encoding="ascii")
        decoy = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE
        )
        try:
            yield _Bait((inet, unix), Path(folder), secret, decoy, name)
        finally:
            decoy.kill()
            decoy.communicate()


def _was_reached(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _told(program: str, word: bytes) -> bytes:
    return word + b"\n" + program.encode(errors="surrogatepass")


def _run(text: bytes, wall_seconds: float, *, show: bool = False) -> Outcome:
    mode = "show" if show else "hide"
    with (
        tempfile.TemporaryDirectory() as root,
        # Files and not pipes: a program that fills them meets its limit.
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        process = subprocess.Popen(
            [*_COMMAND, root, mode, str(MEMORY), str(NUM_PROCESSES)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            cwd="/",
            env={"PATH": os.defpath},
            start_new_session=True,
        )
        took_too_long = False
        try:
            process.communicate(text, timeout=wall_seconds)
        except subprocess.TimeoutExpired:
            took_too_long = True
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        told = b"" if took_too_long else _content(output)
        return Outcome(process.returncode, told, _content(errors).decode(errors="replace"))


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
