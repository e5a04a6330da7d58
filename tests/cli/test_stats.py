from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.cli import stats
from lsp_server.cli.app import run
from lsp_server.statistics import Outcome, SuggestionRecord, save

DAY_S = 86_400


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "statistics.sqlite3"
    monkeypatch.setattr(stats, "statistics_file", lambda: file)
    return file


@pytest.fixture
def filled(database: Path) -> Path:
    now = time.time()
    first = SuggestionRecord(
        id="0", at=now, language="python", model="starter", num_chars=10, latency_ms=20.0
    )
    outcomes = [Outcome.ACCEPTED, Outcome.PARTLY, Outcome.DISMISSED, Outcome.SHOWN]
    records = [
        replace(first, id=str(i), outcome=outcome, num_accepted=5 * (i < 2), latency_ms=10.0 * i)
        for i, outcome in enumerate(outcomes)
    ]
    records.append(replace(first, id="lua", language="lua", at=now - 3 * DAY_S))
    records.append(replace(first, id="old", language="c", at=now - 90 * DAY_S))
    save(database, records)
    return database


def test_what_was_never_drawn_does_not_count(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the editor tells what it draws; of others each suggestion counts."""
    first = SuggestionRecord(
        id="telling-1", at=time.time(), language="c", model="m", num_chars=10, latency_ms=1.0
    )
    others = [replace(first, id=f"telling-{i}", outcome=Outcome.SHOWN) for i in (2, 3)]
    silent = [
        replace(first, id="silent-1", language="lua", outcome=Outcome.ACCEPTED),
        replace(first, id="silent-2", language="lua"),
    ]
    save(database, [first, *others, *silent])
    assert run(["stats", "--json"]) == 0
    languages = json.loads(capsys.readouterr().out)["languages"]
    assert [(each["name"], each["suggestions"]) for each in languages] == [("c", 2), ("lua", 2)]


def test_by_language_and_day(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["python", "4", "2", "50%", "10", "10", "30"]
    assert lines[2].split() == ["lua", "1", "0", "0%", "0", "20", "20"]
    assert lines[3].split()[:4] == ["all", "5", "2", "40%"]
    assert lines[-1].endswith("50% of 4")
    assert "█" in lines[-1]


def test_json(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--json", "--days", "365"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["total"]["suggestions"] == 6
    assert found["total"]["acceptance"] == pytest.approx(2 / 6, abs=1e-4)
    assert [each["name"] for each in found["languages"]] == ["c", "lua", "python"]
    assert [each["suggestions"] for each in found["by_day"]] == [1, 1, 4]
    assert found["languages"][2]["dismissed"] == 1


def test_nothing_yet_and_forgetting(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--clear"]) == 0
    assert run(["stats", "--clear"]) == 0
    assert run(["stats"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Forgotten.\nThere was nothing to forget.\nNo suggestions")
    assert run(["stats", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] is None


def test_a_damaged_file(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database.write_bytes(b"x" * 5000)
    assert run(["stats"]) == 1
    assert "statistics cannot be read" in capsys.readouterr().err
