"""A terminal program in tmux, used as a person would: keys in, the screen out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.neovim_driver import until


@dataclass(frozen=True, slots=True)
class Terminal:
    """One program in a tmux of its own; `socket` is that tmux server's."""

    socket: Path

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names: `Tab`, `Enter`, `Escape`."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text as it is, a key for each character."""
        for character in text:
            self._tmux("send-keys", "-l", character)

    def screen(self) -> str:
        """What is drawn, row by row; what it was at last once the program has ended."""
        done = self._tmux("capture-pane", "-p", check=False)
        return done.stdout

    def wait_for(self, *texts: str) -> None:
        """Wait until all texts are on the screen."""
        until(lambda: all(text in self.screen() for text in texts), f"{texts} on the screen")

    def _tmux(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return tmux(self.socket, *arguments, check=check)


@contextmanager
def running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[Terminal]:
    """Run a program in a terminal of 100 by 30, in a folder; the tmux server's socket lies beside
    it. Skips the test where there is no tmux.
    """
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux")
    socket = folder.with_name("tmux")
    variables = [f"{name}={value}" for name, value in environment.items()]
    window = [
        "new-session",
        "-d",
        "-c",
        str(folder),
        "-x",
        "100",
        "-y",
        "30",
        "env",
        *variables,
        *command,
    ]
    tmux(socket, "-f", "/dev/null", *window)
    try:
        yield Terminal(socket)
    finally:
        tmux(socket, "kill-server", check=False)


def tmux(socket: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run tmux on a server of one's own."""
    command = ["tmux", "-S", str(socket), *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=30)
