"""Changes to a user's files that are shown before they are made, and can be taken back."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a file holds and what it is to hold; None: there is no such file."""

    file: Path
    before: str | None
    after: str | None

    @property
    def is_needed(self) -> bool:
        return self.before != self.after


def read(file: Path) -> str | None:
    """The text of a file, or None if there is none. Raises OSError and UnicodeDecodeError."""
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def diff(change: FileChange) -> Iterator[str]:
    """The lines of a unified diff, without line breaks at their ends."""
    before = str(change.file) if change.before is not None else os.devnull
    after = str(change.file) if change.after is not None else os.devnull
    old, new = (change.before or "").splitlines(), (change.after or "").splitlines()
    return difflib.unified_diff(old, new, before, after, lineterm="")


def make(change: FileChange) -> None:
    """Write or delete the file; one that is a link stays one. Raises OSError."""
    if change.after is None:
        change.file.unlink(missing_ok=True)
        return
    file = Path(os.path.realpath(change.file))
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.new")
    with unfinished.open("w", encoding="utf-8", newline="") as stream:
        stream.write(change.after)
    if file.exists():
        unfinished.chmod(file.stat().st_mode)
    unfinished.replace(file)


def own_program() -> str:
    """The command that an editor starts: by its name where that is found, else where it lies."""
    if shutil.which("fimbria"):
        return "fimbria"
    return str(Path(sys.executable).with_name("fimbria"))
