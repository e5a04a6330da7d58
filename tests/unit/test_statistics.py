from __future__ import annotations

import asyncio
import functools
import stat
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.context.windows import CursorContext
from lsp_server.offers import Offers
from lsp_server.statistics import KEPT_DAYS, Outcome, SuggestionRecord, delete, load, save

DAY_S = 86_400
NOW = 1000.0 * DAY_S
RECORD = SuggestionRecord(
    id="a", at=NOW, language="python", model="starter", num_chars=10, latency_ms=20.5
)


def test_what_was_saved_is_loaded_and_a_record_replaces_itself(tmp_path: Path) -> None:
    file = tmp_path / "new" / "statistics.sqlite3"
    assert load(file) == []
    later = replace(RECORD, id="b", at=NOW + 1, language="lua")
    save(file, [RECORD, later], now=NOW)
    taken = replace(RECORD, outcome=Outcome.ACCEPTED, num_accepted=10)
    save(file, [taken], now=NOW)
    assert load(file) == [taken, later]
    assert load(file, since=NOW + 0.5) == [later]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_old_records_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "statistics.sqlite3"
    save(file, [RECORD], now=NOW)
    save(file, [replace(RECORD, id="b", at=NOW + DAY_S)], now=NOW + (KEPT_DAYS + 0.5) * DAY_S)
    assert [record.id for record in load(file)] == ["b"]


def test_several_windows_save_at_the_same_time(tmp_path: Path) -> None:
    file = tmp_path / "statistics.sqlite3"

    def window(number: int) -> None:
        for index in range(20):
            save(file, [replace(RECORD, id=f"{number}-{index}")], now=NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(window, range(4)))
    assert len(load(file)) == 80


def test_a_damaged_file_is_an_error_that_names_it_and_can_be_deleted(tmp_path: Path) -> None:
    file = tmp_path / "statistics.sqlite3"
    file.write_bytes(b"no database" * 100)
    with pytest.raises(OSError, match=r"statistics\.sqlite3"):
        load(file)
    assert delete(file)
    assert not delete(file)
    assert load(file) == []


def played(scenario: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """Make a plain test of a coroutine function."""

    @functools.wraps(scenario)
    def test(**fixtures: object) -> None:
        asyncio.run(scenario(**fixtures))

    return test


class Session:
    """One document, and what of it was saved."""

    def __init__(self) -> None:
        self.saved: dict[str, SuggestionRecord] = {}
        self.offers = Offers(self._save)

    def offer(self, prefix: str, text: str) -> str:
        record = replace(RECORD, num_chars=len(text))
        return self.offers.offer("file:///a.py", CursorContext(prefix, ""), text, record)

    async def records(self) -> list[tuple[Outcome, int, int]]:
        await self.offers.flush()
        return [(r.outcome, r.num_accepted, r.num_chars) for r in self.saved.values()]

    def _save(self, records: object) -> None:
        assert isinstance(records, list)
        self.saved |= {record.id: record for record in records}


@played
async def test_typing_along_is_the_same_suggestion() -> None:
    session = Session()
    first = session.offer("x = ", "foo(1)")
    assert session.offer("x = fo", "o(1)") == first
    assert session.offer("x = fa", "r()") != first
    assert session.offer("x = ", "foo(1)") != first  # gone back: shown anew
    assert await session.records() == [(Outcome.OFFERED, 0, n) for n in (6, 3, 6)]


@played
async def test_parts_add_up_to_the_whole() -> None:
    session = Session()
    identity = session.offer("", "foo bar")
    session.offers.shown(identity)
    session.offers.accepted(identity, 4)
    assert await session.records() == [(Outcome.PARTLY, 4, 7)]
    session.offers.dismissed(identity)  # the rest of it
    session.offers.accepted(identity, 3)
    assert await session.records() == [(Outcome.ACCEPTED, 7, 7)]
    session.offers.accepted(identity)
    session.offers.shown(identity)
    assert await session.records() == [(Outcome.ACCEPTED, 7, 7)]


@played
async def test_what_somebody_typed_of_it_was_not_accepted() -> None:
    session = Session()
    identity = session.offer("x = ", "foo(1)")
    session.offer("x = foo(", "1)")
    session.offers.accepted(identity)
    assert await session.records() == [(Outcome.ACCEPTED, 2, 6)]


@played
async def test_a_word_accepted_some_typed_and_the_rest_accepted() -> None:
    session = Session()
    identity = session.offer("", "foo bar")
    session.offers.accepted(identity, 4)
    session.offer("foo b", "ar")
    session.offers.accepted(identity, 2)
    assert await session.records() == [(Outcome.ACCEPTED, 6, 7)]


@played
async def test_what_editors_make_up_changes_nothing() -> None:
    session = Session()
    identity = session.offer("", "foo")
    for wrong in ("", "7", "no number"):
        session.offers.accepted(wrong)
        session.offers.shown(wrong)
    session.offers.accepted(identity, -5)
    session.offers.accepted(identity, 2)
    session.offers.accepted(identity, 99)
    assert await session.records() == [(Outcome.ACCEPTED, 3, 3)]


@played
async def test_only_what_has_changed_is_saved_again() -> None:
    session = Session()
    one, _ = session.offer("", "foo"), session.offer("b", "bar")
    assert session.offers.num_unsaved == 2
    await session.offers.flush()
    session.saved.clear()
    session.offers.accepted(one)
    assert await session.records() == [(Outcome.ACCEPTED, 3, 3)]


@played
async def test_a_full_disk_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def full(_: object) -> None:
        raise OSError("No space left on device")

    offers = Offers(full)
    for number in range(3):
        offers.offer("file:///a.py", CursorContext("", ""), str(number), RECORD)
        await offers.flush()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
