"""What a check of `fimbria doctor` says."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from enum import StrEnum

_PROBE_TIMEOUT_S = 120


class State(StrEnum):
    """How a check came out; only BROKEN stops Fimbria from working."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `hint` says what to do about it."""

    name: str
    state: State
    found: str
    hint: str = ""


def run_quietly(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program that asks for nothing. Raises OSError and TimeoutExpired."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=_PROBE_TIMEOUT_S,
        check=False,
    )
