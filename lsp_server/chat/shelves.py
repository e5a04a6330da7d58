"""Where conversations are kept: files in the user's data folder, or nowhere but in memory.

One file per conversation, one JSON object per line. A line is added in one piece, on the disk when
the call returns. Several servers may write to one file: a lock puts them in order. A last line
without its line break was torn off by a crash; readers leave it out, the next writer removes it.

A file's time of modification says when its conversation was last used: written to, or opened.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from lsp_server.chat.conversation import Record, is_id

logger = logging.getLogger(__name__)

_SUFFIX = ".jsonl"
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_LOCK_TIMEOUT_S = 10.0
_LOCK_POLL_S = 0.005
NUM_KEPT = 200
"""So many conversations are kept however old they are."""
KEPT_S = 90 * 24 * 3600.0
"""What was used in so many seconds is kept however much there is."""


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

    def opened(self, conversation_id: str) -> None:
        """Note that somebody reads a conversation; what is not there is nobody's concern."""
        with suppress(NoSuchConversation, OSError):
            os.utime(self._file(conversation_id))

    def newest(self, limit: int) -> list[str]:
        """Ids of the conversations that were used last, the newest first. Raises OSError."""
        return [_id_of(entry) for entry in self._newest_first()[:limit]]

    def prune(self, in_use: Container[str]) -> int:
        """Forget what is neither among the newest NUM_KEPT nor was used in the last KEPT_S, except
        for what is in use; returns how many those were. Raises OSError.
        """
        num_removed = 0
        with self._locked():
            too_old_ns = int((time.time() - KEPT_S) * 1e9)
            for entry in self._newest_first()[NUM_KEPT:]:
                used_ns, _ = _used(entry)
                if 0 < used_ns < too_old_ns and _id_of(entry) not in in_use:
                    Path(entry).unlink(missing_ok=True)
                    num_removed += 1
        return num_removed

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

    def _newest_first(self) -> list[os.DirEntry[str]]:
        try:
            entries = [entry for entry in os.scandir(self._folder) if _is_conversation(entry)]
        except FileNotFoundError:
            return []
        return sorted(entries, key=_used, reverse=True)

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
    return entry.name.endswith(_SUFFIX) and is_id(_id_of(entry))


def _id_of(entry: os.DirEntry[str]) -> str:
    return entry.name.removesuffix(_SUFFIX)


def _used(entry: os.DirEntry[str]) -> tuple[int, str]:
    """When it was, in nanoseconds since 1970; 0 where that cannot be known."""
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
