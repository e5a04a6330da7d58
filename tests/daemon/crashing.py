"""A daemon whose process ends at every request: run as `python` by a client that starts one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from model_runtime import daemon
from model_runtime.__main__ import main
from model_runtime.api import Request
from tests.daemon.fakes import Emit, FakeEngine

_NUM_INTERPRETER_ARGUMENTS = 3  # -P -m model_runtime


class CrashingEngine(FakeEngine):
    def submit(self, request: Request, emit: Emit) -> Callable[[], None]:
        os._exit(9)


def install(folder: Path) -> Path:
    """Write a program that stands in for the interpreter. Each of its runs adds a line to `runs`
    beside it.
    """
    program = folder / "python"
    program.write_text(
        f'#!/bin/sh\necho run >> "{folder / "runs"}"\n'
        f'exec "{sys.executable}" -m tests.daemon.crashing "$@"\n'
    )
    program.chmod(0o700)
    return program


if __name__ == "__main__":
    daemon.loader = lambda *_: lambda _: CrashingEngine()
    daemon.leave(main(sys.argv[1 + _NUM_INTERPRETER_ARGUMENTS :]))
