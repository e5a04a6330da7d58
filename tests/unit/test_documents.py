from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server import source_text
from lsp_server.documents import Change, Document, DocumentStore, Edit, last_change
from lsp_server.positions import Position, PositionEncoding
from lsp_server.source_text import SourceText
from tests.unit.strategies import encodings, naive_lines, naive_offset, positions, texts

URI = "file:///a.py"
UTF16 = PositionEncoding.UTF16

edits = st.builds(Edit, texts, positions, positions) | st.builds(Edit, texts)


def naive_edit(text: str, edit: Edit, encoding: PositionEncoding) -> str:
    if edit.start is None or edit.end is None:
        return edit.text
    start, end = sorted(naive_offset(text, at, encoding) for at in (edit.start, edit.end))
    return text[:start] + edit.text + text[end:]


def assert_consistent(source: SourceText, text: str) -> None:
    assert str(source) == text
    assert len(source) == len(text)
    assert source.num_lines == len(naive_lines(text))
    offset = 0
    for number, line in enumerate(naive_lines(text)):
        assert source.line_start(number) == offset
        assert {source.line_at(offset + at) for at in range(len(line))} <= {number}
        offset += len(line)
        assert source.line_end(number) == offset


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short texts go through everything that happens between blocks."""
    monkeypatch.setattr(source_text, "BLOCK_CHARS", 4)


@settings(max_examples=200)
@given(texts, st.lists(edits, max_size=6), encodings)
def test_edits_give_the_text_of_the_naive_model(
    text: str, changes: list[Edit], encoding: PositionEncoding
) -> None:
    store = DocumentStore()
    store.open(URI, "python", 0, text)
    for version, edit in enumerate(changes, 1):
        text = naive_edit(text, edit, encoding)
        document = store.change(URI, version, [edit], encoding)
        assert document is not None
        assert document.version == version
        assert_consistent(document.text, text)


@given(texts, st.data())
def test_slices_are_those_of_the_string(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert SourceText.of(text).slice(start, end) == text[start:end]


def change(text: str, *changes: Edit) -> str:
    store = DocumentStore()
    store.open(URI, "python", 1, text)
    document = store.change(URI, 2, changes, UTF16)
    assert document is not None
    assert_consistent(document.text, str(document.text))
    return str(document.text)


def insertion(line: int, character: int, text: str) -> Edit:
    return Edit(text, Position(line, character), Position(line, character))


def test_later_changes_refer_to_what_earlier_ones_left() -> None:
    assert change("ab", insertion(0, 2, "\nc"), insertion(1, 1, "d")) == "ab\ncd"


def test_a_line_feed_joins_the_carriage_return_before_it() -> None:
    assert change("aaaaaaaaaa\rb", insertion(1, 0, "\n")) == "aaaaaaaaaa\r\nb"


def test_a_line_break_can_be_split() -> None:
    """Only a client that counts lines differently would ask for it; the text must not be lost."""
    document = Document.of(URI, "", 0, "a\r\nb")
    assert str(document.text.replaced(2, 2, "x")) == "a\rx\nb"
    assert document.text.replaced(2, 2, "x").num_lines == 3


def test_a_range_the_wrong_way_round_is_turned() -> None:
    assert change("abcd", Edit("", Position(0, 3), Position(0, 1))) == "ad"


def test_line_separators_of_other_worlds_are_plain_characters() -> None:
    """pygls applied this change to line 1: it took \\x0c and U+2028 for line breaks."""
    text = "a = 1\x0c\nb = '\u2028x'\nc = 3\n"
    assert change(text, insertion(2, 0, "#")) == "a = 1\x0c\nb = '\u2028x'\n#c = 3\n"


def test_an_edit_leaves_distant_blocks_alone() -> None:
    """What keeps a change to a file of 20,000 lines under a millisecond."""
    source = SourceText.of("abc\n" * 1000)
    at = source.line_start(500)
    old, new = source.blocks, source.replaced(at, at, "x").blocks
    assert len(set(map(id, old)) - set(map(id, new))) <= 2


def test_half_a_surrogate_pair_is_kept() -> None:
    assert change("a\ud83d", insertion(0, 2, "b\ude0b")) == "a\ud83db\ude0b"


def test_a_snapshot_never_changes() -> None:
    store = DocumentStore()
    before = store.open(URI, "python", 1, "a\n")
    assert store.is_current(before)
    after = store.change(URI, 2, [insertion(0, 0, "b")], UTF16)
    assert (str(before.text), before.version) == ("a\n", 1)
    assert store.snapshot(URI) is after
    assert not store.is_current(before)


@pytest.mark.parametrize("version", [4, 5])
def test_an_old_version_number_loses_no_text(
    version: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = DocumentStore()
    store.open(URI, "python", 5, "a")
    with caplog.at_level(logging.WARNING):
        document = store.change(URI, version, [insertion(0, 1, "b")], UTF16)
    assert document is not None
    assert str(document.text) == "ab"
    assert "version" in caplog.text


def test_a_new_state_with_the_old_text_is_another_state() -> None:
    store = DocumentStore()
    before = store.open(URI, "python", 1, "a")
    store.change(URI, 2, [], UTF16)
    assert not store.is_current(before)


def test_changes_to_files_that_are_not_open_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    store = DocumentStore()
    assert store.change(URI, 1, [Edit("secret")], UTF16) is None
    assert store.snapshot(URI) is None
    assert "secret" not in caplog.text


def test_a_closed_file_is_forgotten() -> None:
    store = DocumentStore()
    document = store.open(URI, "python", 1, "a")
    store.close(URI)
    store.close(URI)
    assert store.snapshot(URI) is None
    assert not store.is_current(document)


def changed(text: str, edits: list[Edit]) -> Change | None:
    store = DocumentStore()
    before = store.open(URI, "python", 1, text)
    after = store.change(URI, 2, edits, UTF16)
    assert after is not None
    return last_change(before, after, edits, UTF16)


@pytest.mark.parametrize(
    ("text", "start", "end", "new", "expected"),
    [
        ("a = b", (0, 4), (0, 4), "😋", Change(5, "😋", "")),
        ("a = bc", (0, 4), (0, 6), "", Change(4, "", "bc")),
        ("a = bc", (0, 6), (0, 4), "", Change(4, "", "bc")),
        ("a = bc", (0, 4), (0, 6), "d", Change(5, "d", "bc")),
        ("a = pa\n", (0, 4), (0, 6), "path", Change(8, "th", "")),
        ("a\r\nb", (0, 1), (1, 0), "", Change(1, "", "\r\n")),
        # a line opened below, as Neovim tells it: the cursor is on the new line
        ("  a\nb\n", (0, 3), (1, 0), "\n  \n", Change(6, "\n  ", "")),
        ("a", (7, 7), (9, 9), "b", Change(2, "b", "")),
        ("f\n", (0, 1), (0, 1), "()", Change(2, "(", "")),
        ("f = ab", (0, 4), (0, 6), '""', Change(5, '"', "ab")),
    ],
)
def test_what_an_edit_did(
    text: str, start: tuple[int, int], end: tuple[int, int], new: str, expected: Change
) -> None:
    assert changed(text, [Edit(new, Position(*start), Position(*end))]) == expected


def test_of_several_edits_the_place_of_the_last_one_is_known() -> None:
    at = Position(0, 0)
    edits = [Edit("bb", at, at), Edit("c", Position(0, 1), Position(0, 2))]
    assert changed("a", edits) == Change(2, "c", "")
    assert changed("a", [Edit("b", at, at), Edit("whole")]) is None
    assert changed("a", []) is None


@given(texts, st.lists(edits, max_size=3), encodings)
def test_behind_the_change_lies_what_lay_there_before(
    text: str, changes: list[Edit], encoding: PositionEncoding
) -> None:
    store = DocumentStore()
    before = store.open(URI, "python", 1, text)
    after = store.change(URI, 2, changes, encoding)
    assert after is not None
    change = last_change(before, after, changes, encoding)
    if change is None or len(changes) > 1:
        return
    new, start = str(after.text), change.end - len(change.inserted)  # no pairs among the texts
    assert new[start : change.end] == change.inserted
    assert new[:start] + change.removed + new[change.end :] == text
