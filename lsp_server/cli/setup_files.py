"""Changes to a user's files that are shown before they are made, and can be taken back."""

from __future__ import annotations

import difflib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a file holds and what it is to hold; None: there is no such file."""

    file: Path
    before: str | None
    after: str | None

    @property
    def is_needed(self) -> bool:
        return self.before != self.after


class ChangeOf(Protocol):
    """Tells what `fimbria setup` does to a user's file, or takes back. Raises CommandError, OSError
    and UnicodeDecodeError.
    """

    def __call__(self, *, undo: bool) -> FileChange: ...


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
    """Write or delete the file; one that is a link stays one. Raises OSError, also for a file that
    is marked as not to be written, which replacing it would not notice.
    """
    file = Path(os.path.realpath(change.file))
    if file.exists() and not file.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(None, "it is read-only")
    if change.after is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace(file, change.after)


def _replace(file: Path, text: str) -> None:
    """Write a file so that it is never there by half."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    unfinished = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        unfinished.chmod(_mode(file))
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _mode(file: Path) -> int:
    """A file's permissions, or those that a new one gets."""
    if file.exists():
        return stat.S_IMODE(file.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def configuration_folder(name: str, windows: str = "APPDATA") -> Path:
    """Where a program keeps its configuration: in XDG's folder, or on Windows in that which the
    variable `windows` names.
    """
    if chosen := os.environ.get("XDG_CONFIG_HOME"):
        return Path(chosen) / name
    if sys.platform == "win32" and (folder := os.environ.get(windows)):
        return Path(folder) / name
    return Path.home() / ".config" / name


def own_program() -> str:
    """The command that an editor starts: by its name where that is found, else where it lies."""
    if shutil.which("fimbria"):
        return "fimbria"
    return str(Path(sys.executable).with_name("fimbria"))
