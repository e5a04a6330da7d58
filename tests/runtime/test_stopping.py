"""Text is released as soon as it is certain, and not before."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from model_runtime.stopping import TextAssembler

texts = st.text("ab\né漢😀", max_size=30)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def assemble(pieces: list[bytes], stops: tuple[str, ...], healed: bytes = b"") -> list[str]:
    assembler = TextAssembler(stops, healed)
    released = [assembler.push(piece) for piece in pieces]
    return [*released, assembler.flush()]


@given(texts, st.lists(st.integers(0, 200), max_size=8))
def test_without_stops_nothing_is_lost(text: str, cuts: list[int]) -> None:
    assert "".join(assemble(pieces_of(text.encode(), cuts), ())) == text


@given(
    texts,
    st.lists(st.text("ab\n", min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_text_ends_before_the_stop_and_none_of_it_is_shown(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    assembled = "".join(assemble(pieces_of(text.encode(), cuts), tuple(stops)))
    assert text.startswith(assembled)
    assert not any(stop in assembled for stop in stops)
    rest = text[len(assembled) :]
    assert rest == "" or any(stop in text[: len(assembled) + len(stop)] for stop in stops)


def test_a_split_character_is_held_back() -> None:
    smile = "😀".encode()
    assert assemble([smile[:2], smile[2:]], ()) == ["", "😀", ""]


def test_a_character_that_never_ends_is_left_out() -> None:
    assert assemble([b"a" + "é".encode()[:1]], ()) == ["a", ""]


def test_a_possible_stop_is_held_back_until_it_is_none() -> None:
    assert assemble([b"a\n", b"\n", b"b"], ("\n\nd",)) == ["a", "", "\n\nb", ""]


def test_healed_bytes_are_not_part_of_the_answer() -> None:
    assert assemble([b" f", b"oo(", b")"], (), healed=b" fo") == ["", "o(", ")", ""]


def test_nothing_follows_a_stop() -> None:
    assert assemble([b"a;b", b"c"], (";",)) == ["a", "", ""]
