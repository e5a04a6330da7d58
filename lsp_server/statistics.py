"""What became of each suggestion, in a database of the user's own that nothing is sent from.

No text is kept: a language, a few numbers and how it ended.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

KEPT_DAYS = 400
_DAY_S = 86_400.0
_BUSY_S = 2.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS suggestions (
    id TEXT PRIMARY KEY,
    at REAL NOT NULL,
    language TEXT NOT NULL,
    model TEXT NOT NULL,
    num_chars INTEGER NOT NULL,
    latency_ms REAL NOT NULL,
    outcome TEXT NOT NULL,
    num_accepted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS suggestions_at ON suggestions (at);
"""
_COLUMNS = "id, at, language, model, num_chars, latency_ms, outcome, num_accepted"

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How far a suggestion has come; a later one replaces an earlier one."""

    OFFERED = "offered"
    """Sent to the editor, which does not tell whether it was drawn."""
    SHOWN = "shown"
    DISMISSED = "dismissed"
    PARTLY = "partly"
    """A word or a line of it was accepted."""
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionRecord:
    """One suggestion. at: Unix time. latency_ms: from the editor's request to the answer.
    num_accepted: characters.
    """

    id: str
    at: float
    language: str
    model: str
    num_chars: int
    latency_ms: float
    outcome: Outcome = Outcome.OFFERED
    num_accepted: int = 0

    @property
    def session(self) -> str:
        """Which language server's it was; ids are `SESSION-NUMBER`."""
        return self.id.partition("-")[0]


def statistics_file() -> Path:
    """Where the database is."""
    import platformdirs

    return platformdirs.user_data_path("fimbria") / "statistics.sqlite3"


def save(file: Path, records: Iterable[SuggestionRecord], now: float | None = None) -> None:
    """Insert records, or replace those of the same id, and forget what is older than KEPT_DAYS.
    Other processes may do the same at the same time. Raises OSError.
    """
    oldest = (time.time() if now is None else now) - KEPT_DAYS * _DAY_S
    with _open(file) as database:
        marks = ", ".join("?" * len(_COLUMNS.split(",")))
        statement = f"INSERT OR REPLACE INTO suggestions ({_COLUMNS}) VALUES ({marks})"
        database.executemany(statement, map(_row, records))
        database.execute("DELETE FROM suggestions WHERE at < ?", (oldest,))


def load(file: Path, since: float = 0.0) -> list[SuggestionRecord]:
    """Records from a Unix time on, oldest first; none if there is no such file. Raises OSError."""
    if not file.exists():
        return []
    with _open(file) as database:
        statement = f"SELECT {_COLUMNS} FROM suggestions WHERE at >= ? ORDER BY at, id"
        return [_record(row) for row in database.execute(statement, (since,))]


def delete(file: Path) -> bool:
    """Forget everything; returns whether there was anything. Raises OSError."""
    existed = file.exists()
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        name.unlink(missing_ok=True)
    return existed


@contextlib.contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    import sqlite3

    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=_BUSY_S)) as database, database:
            database.executescript(_SCHEMA)
            yield database
    except sqlite3.Error as error:
        raise OSError(f"{file}: {error}") from error


def _row(record: SuggestionRecord) -> tuple[object, ...]:
    return (
        record.id,
        record.at,
        record.language,
        record.model,
        record.num_chars,
        record.latency_ms,
        record.outcome.value,
        record.num_accepted,
    )


def _record(row: tuple[str, float, str, str, int, float, str, int]) -> SuggestionRecord:
    identity, at, language, model, num_chars, latency_ms, outcome, num_accepted = row
    return SuggestionRecord(
        id=identity,
        at=at,
        language=language,
        model=model,
        num_chars=num_chars,
        latency_ms=latency_ms,
        outcome=Outcome(outcome),
        num_accepted=num_accepted,
    )
