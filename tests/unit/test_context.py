from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context import windows
from lsp_server.context.windows import (
    PREFIX_CHARS,
    PREFIX_HOP,
    CursorContext,
    cursor_context,
    prefix_start,
    suffix_end,
    with_text_above,
)
from lsp_server.source_text import SourceText
from tests.unit.strategies import texts

PARAGRAPH = "".join(f"def function_{n}(value):\n    return value + {n}\n\n" for n in range(40))
LARGE = PARAGRAPH * 80


def line_starts(text: str) -> set[int]:
    return {0} | {at + 1 for at, char in enumerate(text) if char == "\n"}


def test_a_small_file_is_seen_whole() -> None:
    context = cursor_context(SourceText.of("ab\ncd\n"), 4)
    assert context == CursorContext("ab\nc", "d\n")


def test_an_empty_file() -> None:
    assert cursor_context(SourceText.of(""), 0) == CursorContext("", "")


def test_line_breaks_become_line_feeds() -> None:
    context = cursor_context(SourceText.of("a\r\nb\rc\n\r\nd"), 5)
    assert context == CursorContext("a\nb\n", "c\n\nd")


def test_other_separators_stay() -> None:
    assert cursor_context(SourceText.of("a\x0cb\u2028c"), 2).suffix == "b\u2028c"


@given(texts, st.data())
def test_any_text_can_be_sent(text: str, data: st.DataObject) -> None:
    context = cursor_context(SourceText.of(text), data.draw(st.integers(0, len(text))))
    (context.prefix + context.suffix).encode()


def test_windows_are_bounded_and_end_on_line_breaks() -> None:
    source, starts = SourceText.of(LARGE), line_starts(LARGE)
    for offset in range(0, len(LARGE), 997):
        start, end = prefix_start(source, offset), suffix_end(source, offset)
        assert start in starts
        assert end in starts | {len(LARGE)}
        assert start == 0 or windows.PREFIX_CHARS // 2 <= offset - start <= windows.PREFIX_CHARS
        assert end == len(LARGE) or (
            windows.SUFFIX_CHARS // 2 <= end - offset <= windows.SUFFIX_CHARS
        )


def test_typing_in_one_place_hardly_moves_the_edges() -> None:
    for offset in range(0, len(LARGE), 9973):
        source, edges = SourceText.of(LARGE), []
        for typed in range(500):
            at = offset + typed
            edges.append((prefix_start(source, at), len(source) - suffix_end(source, at)))
            source = source.replaced(at, at, "x")
        moves = sum(one != other for one, other in pairwise(edges))
        assert moves <= 2


def test_a_file_of_one_long_line() -> None:
    source = SourceText.of("x" * 200_000)
    context = cursor_context(source, 100_000)
    assert windows.PREFIX_CHARS // 2 <= len(context.prefix) <= windows.PREFIX_CHARS
    assert windows.SUFFIX_CHARS // 2 <= len(context.suffix) <= windows.SUFFIX_CHARS


def test_parts_of_the_cursor_line() -> None:
    context = CursorContext("a\n  b", "c)\n\n   \nd\n")
    assert (context.line_before, context.rest_of_line, context.next_line) == ("  b", "c)", "d")
    assert CursorContext("", "").next_line == ""


@pytest.mark.parametrize(
    ("before", "rest", "seen"),
    [
        ("f(", ")", ""),
        ("f([", "]);", ""),
        ("def f(", "):", ""),
        ("f( ", " )  ", ""),
        ('f("', '")', ""),
        ("f('", "', b)", "', b)"),
        ('"""', '"""', ""),
        ("a = 1", "   ", ""),
        ("a", "", ""),
        ("x = ", '""', '""'),
        ("if x", ":", ":"),
        ("[x", ",", ","),
        ("f(", "a)", "a)"),
        ("x = f(", ") + b", ") + b"),
    ],
)
def test_a_model_does_not_see_what_only_closes_the_line(before: str, rest: str, seen: str) -> None:
    for below in ("", "\n", "\n)\nb = 2\n"):
        context = CursorContext("a\n" + before, rest + below)
        assert context.model_suffix == seen + below
        assert context.suffix == rest + below


@given(above=st.text(st.sampled_from("ab\n\r😋"), max_size=300), own=st.text(max_size=300))
def test_text_above_counts_like_the_file_s_own(above: str, own: str) -> None:
    above += "\n"  # no line break is torn apart
    alone = cursor_context(SourceText.of(own), len(own))
    whole = cursor_context(SourceText.of(above + own), len(above + own))
    assert with_text_above(alone, above) == whole


def test_the_beginning_of_much_text_above_is_cut_off_in_hops_at_a_line() -> None:
    above = "".join(f"line {number:06}\n" for number in range(5000))
    starts = set()
    for typed in range(0, 9000, 100):
        context = with_text_above(CursorContext("x" * typed, ""), above)
        assert PREFIX_CHARS - PREFIX_HOP - 20 <= len(context.prefix) <= PREFIX_CHARS
        assert context.prefix.startswith("line ")
        starts.add(context.prefix[:11])
    assert len(starts) == 2
