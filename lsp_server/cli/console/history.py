"""What was typed into the console before, kept on disk for its arrow keys."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory

from lsp_server.cli.console.modes import Mode

_MAX_FILE = 1 << 20
_MAX_ENTRY = 1 << 15


class PrivateHistory(FileHistory):
    """Texts in a file that only the user can read. What cannot be kept is not: no full disk or
    locked folder disturbs a talk.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._file = file
        with contextlib.suppress(OSError):
            _prepare(file)

    def load_history_strings(self) -> Iterable[str]:
        try:
            return super().load_history_strings()
        except OSError:
            return ()

    def store_string(self, string: str) -> None:
        if len(string) > _MAX_ENTRY:
            return
        with contextlib.suppress(OSError):
            super().store_string(string)


def history_file(mode: Mode) -> Path:
    """Where the texts of one mode lie: below the user's data folder."""
    import platformdirs

    return platformdirs.user_data_path("fimbria", appauthor=False) / f"{mode.name}-history"


def _prepare(file: Path) -> None:
    """Make the file, private; forget the older half of one that has grown large."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    if file.stat().st_size > _MAX_FILE:
        content = file.read_bytes()
        start = content.find(b"\n\n# ", len(content) // 2)
        file.write_bytes(content[start:] if start >= 0 else b"")
