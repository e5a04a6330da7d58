"""The jail for generated programs: what runs in it, and what a probe cannot reach from it."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from model_runtime import evaluation_sandbox
from model_runtime.api import RuntimeFailure
from model_runtime.evaluation_sandbox import Outcome, escapes, passes, prove


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> None:
    try:
        prove()
    except RuntimeFailure as failure:
        pytest.skip(str(failure))


def test_nothing_gets_out() -> None:
    assert escapes() == []


def test_the_probe_would_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the jail it reaches what it goes for."""

    def unguarded(text: bytes, wall_seconds: float, *, show: bool = False) -> Outcome:
        # Nothing here may touch more than the bait.
        harmless = "reach_loopback, reach_abstract_socket, read_a_file, write_a_file, end_a_process"
        start, rest = text.decode().split("for attempt in (")
        program = f"{start}for attempt in ({harmless}):{rest.split('):', 1)[1]}"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
        return Outcome(done.returncode, done.stdout, "")

    monkeypatch.setattr(evaluation_sandbox, "_run", unguarded)
    found = escapes()
    for way in ("read a file", "wrote a file", "ended a process", "reached the network"):
        assert way in found


def test_a_leak_is_named_and_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_sandbox, "escapes", lambda: ["read a file"])
    with pytest.raises(RuntimeFailure, match="leaks: read a file") as caught:
        prove()
    assert "--execute" in caught.value.hint


def test_where_namespaces_are_forbidden_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Outcome(125, b"", "namespaces: Operation not permitted\n")
    monkeypatch.setattr(evaluation_sandbox, "_run", lambda *_, **__: refused)
    with pytest.raises(RuntimeFailure, match="no sandbox to be had here: namespaces: Operation"):
        prove()


@pytest.mark.parametrize(
    ("program", "passed"),
    [
        ("assert sum([1, 2]) == 3", True),
        ("import json, math, re, collections, itertools, typing, hashlib", True),
        ("print('x' * 10**6)", True),
        ("open('/tmp/note', 'w').write('x')", True),
        ("assert False", False),
        ("import sys; sys.exit(0)", False),
        ("import os; os._exit(0)", False),
        ("import os; os.write(1, b'x'); os._exit(0)", False),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", False),
        ("def f(:", False),
        ("x = bytearray(2**31)", False),
        ("import numpy", False),
    ],
)
def test_what_passes(program: str, passed: bool) -> None:
    assert passes(program) is passed


def test_an_endless_program_ends() -> None:
    assert not passes("while True: pass", wall_seconds=0.5)


def test_what_a_program_starts_ends_with_it() -> None:
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n"
    assert passes(program)
    commands = (" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"]))
    assert not [command for command in commands if "<program>" in command]


def test_what_a_program_writes_is_limited() -> None:
    outcome = evaluation_sandbox._run(b"while True: print('x' * 1000)", 5.0, show=True)
    assert "File too large" in outcome.errors
    assert 0 < len(outcome.output) <= 2**20


def test_no_secret_of_the_environment_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert passes("import os; assert set(os.environ) <= {'PATH', 'HOME', 'LC_CTYPE'}, os.environ")
