"""Traces are read and replayed as they were recorded."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks.editor import content_changes
from benchmarks.traces import (
    SHORTEST_PAUSE_S,
    Patch,
    Place,
    Trace,
    pauses_between,
    places,
    read_trace,
    replay,
)
from lsp_server.convert import edits_from_lsp
from lsp_server.documents import DocumentStore
from lsp_server.lean_types import types
from lsp_server.positions import PositionEncoding
from lsp_server.source_text import SourceText


def trace(start: str, end: str, *transactions: tuple[Patch, ...]) -> Trace:
    return Trace("test", start, end, transactions)


def write(path: Path, content: Any) -> Path:
    raw = json.dumps(content).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("name", ["typing.json", "typing.json.gz"])
def test_a_trace_is_read_plain_or_compressed(tmp_path: Path, name: str) -> None:
    patches = [{"time": "2020-10-18T07:27:11.000Z", "patches": [[1, 0, "b"], [0, 1, ""]]}]
    raw = {"startContent": "a", "endContent": "b", "txns": patches}
    read = read_trace(write(tmp_path / name, raw))
    transactions = ((Patch(1, 0, "b"), Patch(0, 1, "")),)
    assert read == Trace("typing", "a", "b", transactions, (SHORTEST_PAUSE_S,))


@pytest.mark.parametrize(
    "content",
    [[], {}, {"startContent": "", "endContent": ""}, {"startContent": "", "txns": [{}]}],
)
def test_another_format_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ValueError, match="is not an editing trace"):
        read_trace(write(tmp_path / "other.json", content))


def test_only_a_typed_character_has_a_cursor() -> None:
    steps = trace(
        "😀",
        "😀bcd",
        (Patch(1, 0, "a"),),
        (Patch(1, 1, "b"),),
        (Patch(2, 0, "cd"),),
        (Patch(4, 0, "x"), Patch(0, 0, "y")),
        (Patch(5, 1, ""), Patch(0, 1, "")),
    )
    assert [step.cursor for step in replay(steps)] == [2, None, None, None, None]


def test_a_change_ends_behind_its_last_insertion() -> None:
    steps = trace(
        "ab",
        "X",
        (Patch(1, 0, "c"),),
        (Patch(2, 1, ""),),
        (Patch(2, 0, "de"), Patch(0, 1, "")),
        (Patch(0, 3, "X"),),
    )
    assert [step.end for step in replay(steps)] == [2, 2, 3, 1]


def test_a_typed_character_stands_somewhere_to_the_change_before() -> None:
    recorded = trace(
        "",
        "cab!d",
        (Patch(0, 0, "a"),),
        (Patch(1, 0, "b"),),
        (Patch(0, 0, "c"),),
        (Patch(3, 0, "??"),),
        (Patch(3, 2, ""),),
        (Patch(3, 0, "!"),),
        (Patch(4, 0, "d"),),
    )
    elsewhere, on, after = Place.ELSEWHERE, Place.ON, Place.AFTER_CHANGE
    assert places(recorded) == [elsewhere, on, elsewhere, after, on]


def test_pauses_are_those_between_the_times() -> None:
    day = "2023-05-14T12:54:"
    exact = pauses_between([f"{day}33.501Z", f"{day}33.551Z", f"{day}33.551Z", f"{day}36.551Z"])
    assert exact == pytest.approx((0.05, 0.1, 3, 0.1))


def test_times_in_whole_seconds_may_be_a_second_closer() -> None:
    day = "2020-10-18T07:27:"
    coarse = pauses_between([f"{day}10.000Z", f"{day}10.000Z", f"{day}11.000Z", f"{day}14.000Z"])
    assert coarse == pytest.approx((0.1, 0.1, 2, 0.1))


def test_a_trace_without_times_has_the_shortest_pauses(tmp_path: Path) -> None:
    txns = [{"patches": [[0, 0, "a"]]}, {"patches": [[1, 0, "b"]]}]
    raw = {"startContent": "", "endContent": "ab", "txns": txns}
    read = read_trace(write(tmp_path / "typing.json", raw))
    assert [step.pause_s for step in replay(read)] == [SHORTEST_PAUSE_S] * 2


@pytest.mark.parametrize("end", ["ab", "b"])
def test_a_replay_that_ends_differently_is_an_error(end: str) -> None:
    with pytest.raises(ValueError, match="do not lead to endContent"):
        list(replay(trace("", end, (Patch(0, 0, "a"),))))


def test_a_patch_behind_the_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="behind the end"):
        list(replay(trace("ab", "", (Patch(1, 2, ""),))))


def test_the_server_gets_the_same_text(shared_data: Path) -> None:
    recorded = read_trace(shared_data / "traces" / "sveltecomponent.json.gz")
    store = DocumentStore()
    store.open("file:///x", "plaintext", 0, recorded.start)
    for version, step in enumerate(islice(replay(recorded), 2000), start=1):
        changes = [_change(raw) for raw in content_changes(step.before, step.transaction)]
        store.change("file:///x", version, edits_from_lsp(changes), PositionEncoding.UTF32)
    document = store.snapshot("file:///x")
    assert document is not None
    assert str(document.text) == str(step.after)


def test_a_change_with_several_patches_is_one_notification() -> None:
    changes = content_changes(SourceText.of("a\nb\n"), (Patch(2, 1, "😀c"), Patch(0, 0, "\n")))
    assert changes == [
        {
            "range": {
                "start": {"line": 1, "character": 0},
                "end": {"line": 1, "character": 1},
            },
            "text": "😀c",
        },
        {
            "range": {
                "start": {"line": 0, "character": 0},
                "end": {"line": 0, "character": 0},
            },
            "text": "\n",
        },
    ]


def _change(raw: dict[str, Any]) -> types.TextDocumentContentChangePartial:
    ends = (types.Position(**raw["range"][name]) for name in ("start", "end"))
    return types.TextDocumentContentChangePartial(types.Range(*ends), raw["text"])
