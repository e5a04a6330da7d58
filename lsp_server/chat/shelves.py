"""Where conversations are kept: files in the user's data folder, or nowhere but in memory.

One file per conversation, one JSON object per line. A line is added in one piece, on the disk when
the call returns. Several servers may write to one file: a lock puts them in order. A last line
without its line break was torn off by a crash; readers leave it out, the next writer removes it.
"""

from __future__ import annotations

import json
import logging
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from lsp_server.chat.conversation import Record, is_id

logger = logging.getLogger(__name__)

_SUFFIX = ".jsonl"
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_LOCK_TIMEOUT_S = 10.0
_LOCK_POLL_S = 0.005


class NoSuchConversation(Exception):
    """Nothing is kept under this id, or no longer."""


class FolderShelf:
    """Conversations as files in one folder, which is made when the first one is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, conversation_id: str, records: Sequence[Record]) -> None:
        """Begin a conversation. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        with self._locked():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            with os.fdopen(os.open(self._file(conversation_id), flags, _FILE_MODE), "ab") as stream:
                _write(stream, records)
            _sync_folder(self._folder)

    def append(self, conversation_id: str, records: Sequence[Record]) -> None:
        """Add to a conversation. Raises NoSuchConversation and OSError."""
        file = self._file(conversation_id)
        if not file.exists():
            raise NoSuchConversation
        with self._locked():
            try:
                descriptor = os.open(file, os.O_RDWR | os.O_APPEND)
            except FileNotFoundError:
                raise NoSuchConversation from None
            with os.fdopen(descriptor, "ab") as stream:
                _repair(descriptor)
                _write(stream, records)

    def records(self, conversation_id: str) -> list[Record]:
        """All that was recorded. Raises NoSuchConversation and OSError."""
        try:
            content = self._file(conversation_id).read_bytes()
        except FileNotFoundError:
            raise NoSuchConversation from None
        return list(_parsed(content))

    def newest(self, limit: int) -> list[str]:
        """Ids of the conversations that were written to last, the newest first. Raises OSError."""
        try:
            entries = [entry for entry in os.scandir(self._folder) if _is_conversation(entry)]
        except FileNotFoundError:
            return []
        entries.sort(key=_written, reverse=True)
        return [entry.name.removesuffix(_SUFFIX) for entry in entries[:limit]]

    def remove(self, conversation_id: str) -> None:
        """Forget a conversation. Raises NoSuchConversation and OSError."""
        file = self._file(conversation_id)
        if not file.exists():
            raise NoSuchConversation
        with self._locked():
            try:
                file.unlink()
            except FileNotFoundError:
                raise NoSuchConversation from None

    def _file(self, conversation_id: str) -> Path:
        if not is_id(conversation_id):
            raise NoSuchConversation
        return self._folder / (conversation_id + _SUFFIX)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self._folder / ".lock", timeout=_LOCK_TIMEOUT_S, mode=_FILE_MODE)
        try:
            lock.acquire(poll_interval=_LOCK_POLL_S)
        except Timeout:
            raise OSError("another process keeps it locked") from None
        try:
            yield
        finally:
            lock.release()


class MemoryShelf:
    """Conversations that end with this process."""

    def __init__(self) -> None:
        self._records: dict[str, list[Record]] = {}

    def create(self, conversation_id: str, records: Sequence[Record]) -> None:
        self._records[conversation_id] = list(records)

    def append(self, conversation_id: str, records: Sequence[Record]) -> None:
        self.records(conversation_id)
        kept = self._records.pop(conversation_id)
        self._records[conversation_id] = [*kept, *records]

    def records(self, conversation_id: str) -> list[Record]:
        if conversation_id not in self._records:
            raise NoSuchConversation
        return self._records[conversation_id]

    def newest(self, limit: int) -> list[str]:
        return list(reversed(self._records))[:limit]

    def remove(self, conversation_id: str) -> None:
        self.records(conversation_id)
        del self._records[conversation_id]


def data_folder() -> Path:
    """The user's folder for conversations, which need not exist."""
    chosen = os.environ.get("XDG_DATA_HOME")
    if chosen:
        return Path(chosen) / "fimbria" / "conversations"
    if platform.system() == "Linux":
        return Path.home() / ".local" / "share" / "fimbria" / "conversations"
    import platformdirs

    return platformdirs.user_data_path("fimbria", appauthor=False) / "conversations"


def _write(stream: BinaryIO, records: Sequence[Record]) -> None:
    """Add whole lines, on the disk when this returns."""
    lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    stream.write(lines.encode("ascii"))
    stream.flush()
    os.fsync(stream.fileno())


def _repair(descriptor: int) -> None:
    """Remove what a crash has left of a line; the lock must be held."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    if os.read(descriptor, 1) == b"\n":
        return
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        whole = stream.read().rfind(b"\n") + 1
    os.ftruncate(descriptor, whole)
    logger.info("Removed %d bytes of a line that a crash had torn off", size - whole)


def _parsed(content: bytes) -> Iterator[Record]:
    *lines, _torn = content.split(b"\n")
    for line in lines:
        try:
            record: Any = json.loads(line)
        except ValueError:
            logger.info("Left out a line of a conversation that is not JSON")
            continue
        if isinstance(record, dict):
            yield record


def _is_conversation(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(_SUFFIX) and is_id(entry.name.removesuffix(_SUFFIX))


def _written(entry: os.DirEntry[str]) -> tuple[int, str]:
    try:
        return entry.stat().st_mtime_ns, entry.name
    except OSError:
        return 0, entry.name


def _sync_folder(folder: Path) -> None:
    """Make the new name in it survive a crash of the machine; Windows does so itself."""
    if platform.system() == "Windows":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
