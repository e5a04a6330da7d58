"""A `fimbria` of the test's own in Neovim: one that fails, hangs, or serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.editors.neovim_driver import STUB_SERVER, Editor, running, until

WIDE = (250, 20)
"""Columns and rows: a message that does not fit would wait for a key."""


@dataclass(frozen=True, slots=True)
class Program:
    """A `fimbria` that does what a test says, and counts how often it is started."""

    file: Path

    def does(self, *commands: str) -> None:
        lines = ["#!/bin/sh", f"echo started >> {self._log}", *commands]
        other = self.file.with_suffix(".new")
        other.write_text("\n".join(lines) + "\n")
        other.chmod(0o755)
        other.replace(self.file)

    def serves(self) -> None:
        self.does(f"exec {STUB_SERVER[0]} {STUB_SERVER[1]}")

    @property
    def _log(self) -> Path:
        return self.file.with_suffix(".starts")

    def starts(self) -> int:
        return len(self._log.read_text().splitlines()) if self._log.exists() else 0

    def wait_for_start(self, number: int) -> None:
        until(lambda: self.starts() == number, f"start number {number}")


@contextmanager
def neovim(program: Path, home: Path, fimbria: Program, setup: str = "") -> Iterator[Editor]:
    """Run Neovim with the messages that it shows kept in TOLD, and restarts that come soon."""
    soon = """
        TOLD = {}
        vim.notify = function(text) TOLD[#TOLD + 1] = text end
        local defer = vim.defer_fn
        vim.defer_fn = function(call, ms) return defer(call, math.min(ms, LONGEST_MS or ms)) end
    """
    command = [str(fimbria.file)]
    with running(program, home, server=command, setup=soon + setup, size=WIDE) as editor:
        yield editor


def told(editor: Editor) -> list[str]:
    return [text for text in editor.lua("return TOLD") if text.startswith("Fimbria")]
