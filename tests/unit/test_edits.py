from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.edits import Change, WatchedSpan, apply_changes, lines_of, minimal_changes
from lsp_server.source_text import SourceText
from tests.unit.strategies import naive_lines, texts

lines = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "😋 é\n", "\n"]), max_size=12).map("".join)
either = st.one_of(texts, lines)


@given(either, either)
def test_changes_lead_from_one_text_to_the_other(old: str, new: str) -> None:
    changes = minimal_changes(old, new)
    assert apply_changes(old, changes) == new
    ends = [0]
    for change in changes:
        assert change.start >= ends[-1]
        assert old[change.start : change.end] != change.text
        for at in (change.start, change.end):
            assert old[at - 1 : at + 1] != "\r\n" or at == 0
        ends.append(change.end)


@given(texts)
def test_a_text_needs_no_change_to_stay_what_it_is(text: str) -> None:
    assert minimal_changes(text, text) == ()


@given(texts)
def test_lines(text: str) -> None:
    assert lines_of(text) == [line for line in naive_lines(text) if line]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("a = 1\nb = 2\nc = 3\n", "a = 1\nb = 4\nc = 3\n", [Change(10, 11, "4")]),
        ("a\nb\nc\n", "a\nc\n", [Change(2, 4, "")]),
        ("a\nc\n", "a\nb\nc\n", [Change(2, 2, "b\n")]),
        ("x = '😋'\r\ny\r\n", "x = '😋!'\r\ny\r\n", [Change(6, 6, "!")]),
        ("a\r\nb", "a\nb", [Change(1, 3, "\n")]),
        ("f(a)\nb\nc\ng(a)\n", "f(x)\nb\nc\ng(x)\n", [Change(2, 3, "x"), Change(11, 12, "x")]),
    ],
)
def test_the_smallest_changes(old: str, new: str, changes: list[Change]) -> None:
    assert list(minimal_changes(old, new)) == changes


def test_a_very_long_difference_is_one_change() -> None:
    old = "same\n" + "".join(f"{n}\n" for n in range(5000))
    new = "same\n" + "".join(f"{n};\n" for n in range(5000))
    (change,) = minimal_changes(old, new)
    assert apply_changes(old, [change]) == new
    assert change.start > 5


TEXT = "one\ntwo\nthree\nfour\n"


@pytest.mark.parametrize(
    ("start", "end", "text", "found"),
    [
        (0, 0, "x", "two\nthree\n"),
        (3, 3, "x", "two\nthree\n"),
        (0, 4, "", None),  # could have joined two lines
        (0, 3, "", "two\nthree\n"),
        (4, 4, "new\n", "two\nthree\n"),
        (4, 4, "new", None),
        (3, 4, "", None),
        (5, 5, "x", None),
        (13, 13, "x", None),
        (14, 14, "x", "two\nthree\n"),
        (13, 14, "", None),
        (19, 19, "x", "two\nthree\n"),
        (0, 19, TEXT, None),
    ],
)
def test_a_watched_part_is_found_again_or_known_to_be_touched(
    start: int, end: int, text: str, found: str | None
) -> None:
    span = WatchedSpan.of(SourceText.of(TEXT), 4, 14)
    span.edited(start, end, text)
    edited = apply_changes(TEXT, [Change(start, end, text)])
    assert (edited[span.start : span.end] if span.is_intact else None) == found


@given(st.data())
def test_a_watched_part_that_is_intact_holds_the_same_lines(data: st.DataObject) -> None:
    text = data.draw(texts)
    starts = [0, *(len("".join(lines_of(text)[: n + 1])) for n in range(len(lines_of(text))))]
    start, end = sorted(data.draw(st.tuples(*[st.sampled_from(starts)] * 2)))
    watched = text[start:end]
    span = WatchedSpan.of(SourceText.of(text), start, end)
    for _ in range(data.draw(st.integers(0, 4))):
        ends = data.draw(st.tuples(*[st.integers(0, len(text))] * 2))
        change = Change(min(ends), max(ends), data.draw(texts))
        text = apply_changes(text, [change])
        span.edited(change.start, change.end, change.text)
    if span.is_intact:
        assert text[span.start : span.end] == watched
