"""What is typed to measure ghost text, and the server that is asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCES = (
    Path(__file__).resolve().parents[1] / "lsp_server" / "source_text.py",
    Path(__file__).with_name("ghost_weaving.py"),
)
SERVER = (sys.executable, "-m", "lsp_server")


@dataclass(frozen=True, slots=True)
class Sample:
    """A file's lines: what comes before, what is typed, and what comes after."""

    name: str
    before: list[str]
    typed: list[str]
    after: list[str]

    @property
    def around(self) -> str:
        """The file in which something is missing."""
        return "\n".join([*self.before, *self.after])


def sample(name: str, text: str, num_lines: int) -> Sample:
    """Cut lines out of a file's middle, from the beginning of a method on."""
    lines = text.splitlines()
    starts = [at for at, line in enumerate(lines) if line.startswith("    def ")]
    start = next(at for at in starts if at >= len(lines) // 2)
    end = start + num_lines
    return Sample(name, lines[:start], lines[start:end], lines[end:])


@contextmanager
def daemon_of_its_own() -> Iterator[dict[str, str]]:
    """An environment whose daemon nobody else uses; it ends with it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "FIMBRIA_RUNTIME_DIR": folder,
            "FIMBRIA_LOG_FILE": f"{folder}/lsp.log",
            "FIMBRIA_DEVICE": "cpu",
            "XDG_CONFIG_HOME": f"{folder}/config",
            "XDG_DATA_HOME": f"{folder}/share",
        }
        try:
            yield environment
        finally:
            stop = [*SERVER, "stop", "--all"]
            # It fails where the daemon has ended by itself; what was measured is not lost by that.
            subprocess.run(
                stop, env={**os.environ, **environment}, check=False, capture_output=True
            )
