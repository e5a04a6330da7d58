from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.positions import (
    Position,
    PositionEncoding,
    num_chars,
    num_units,
    to_offset,
    to_position,
)
from lsp_server.source_text import SourceText
from tests.unit.strategies import (
    encodings,
    naive_lines,
    naive_offset,
    naive_units,
    positions,
    texts,
)

UTF8, UTF16, UTF32 = PositionEncoding


@given(texts, encodings)
def test_offsets_survive_the_way_to_the_client_and_back(
    text: str, encoding: PositionEncoding
) -> None:
    source = SourceText.of(text)
    for offset in range(len(text) + 1):
        inside_a_line_break = text[max(0, offset - 1) : offset + 1] == "\r\n"
        expected = offset - 1 if inside_a_line_break else offset
        assert to_offset(source, to_position(source, offset, encoding), encoding) == expected


@given(texts, positions, encodings)
def test_any_position_is_clamped_as_the_naive_model_does(
    text: str, position: Position, encoding: PositionEncoding
) -> None:
    expected = naive_offset(text, position, encoding)
    assert to_offset(SourceText.of(text), position, encoding) == expected


@given(st.text(alphabet="aé中😋\ud83d", max_size=12), st.integers(0, 5000), encodings)
def test_units_are_counted_the_same_in_lines_of_any_length(
    seed: str, repeats: int, encoding: PositionEncoding
) -> None:
    line = seed * (repeats // 12)
    units = sum(naive_units(char, encoding) for char in line)
    assert num_units(line, encoding) == units
    assert num_chars(line, units, encoding) == len(line)
    assert num_chars(line, units + 7, encoding) == len(line)


@pytest.mark.parametrize(
    ("encoding", "character"), [(UTF8, 6), (UTF16, 4), (UTF32, 3)], ids=["utf8", "utf16", "utf32"]
)
def test_units_of_each_encoding(encoding: PositionEncoding, character: int) -> None:
    source = SourceText.of("x\na😋b")
    assert to_position(source, 5, encoding) == (1, character)
    assert to_offset(source, Position(1, character), encoding) == 5


@pytest.mark.parametrize(("encoding", "units"), [(UTF8, 4), (UTF16, 2)], ids=["utf8", "utf16"])
def test_a_position_within_a_character_goes_to_its_start(
    encoding: PositionEncoding, units: int
) -> None:
    source = SourceText.of("😋b")
    assert [to_offset(source, Position(0, n), encoding) for n in range(units)] == [0] * units
    assert to_offset(source, Position(0, units), encoding) == 1


def test_an_empty_text_has_one_line() -> None:
    source = SourceText.of("")
    assert source.num_lines == 1
    assert to_position(source, 0, UTF16) == (0, 0)
    assert to_offset(source, Position(3, 9), UTF16) == 0


@given(texts)
def test_lines_are_those_of_the_protocol(text: str) -> None:
    source, lines = SourceText.of(text), naive_lines(text)
    spans = [(source.line_start(n), source.line_end(n)) for n in range(source.num_lines)]
    assert [text[start:end] for start, end in spans] == lines
