"""FILE:LINE:COLUMN and `<FILL>`: the place that is meant, or one clear message."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lsp_server.cli import target as target_module
from lsp_server.cli.errors import USAGE_STATUS, CommandError
from lsp_server.cli.target import Target, file_hole, marked_hole, parse_target, stream_hole


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("app.py:3:1", Target(Path("app.py"), 3, 1)),
        (r"C:\x.py:3:1", Target(Path(r"C:\x.py"), 3, 1)),
        ("a:b.py:3:1", Target(Path("a:b.py"), 3, 1)),
        ("x:1:2:3", Target(Path("x:1"), 2, 3)),
        ("./-:1:1", Target(Path("./-"), 1, 1)),
        ("with space.py:10:20", Target(Path("with space.py"), 10, 20)),
    ],
)
def test_the_last_two_numbers_are_line_and_column(argument: str, expected: Target) -> None:
    assert parse_target(argument) == expected


@pytest.mark.parametrize(
    "argument",
    ["app.py", "app.py:3", ":3:1", "app.py:3:", "app.py:a:b", "app.py:3:-1", "", "app.py:٣:١"],
)
def test_anything_else_is_wrong_usage(argument: str) -> None:
    with pytest.raises(CommandError, match="expected FILE:LINE:COLUMN") as caught:
        parse_target(argument)
    assert caught.value.status == USAGE_STATUS


@pytest.mark.parametrize("argument", ["app.py:0:1", "app.py:1:0"])
def test_lines_and_columns_count_from_one(argument: str) -> None:
    with pytest.raises(CommandError, match="count from 1"):
        parse_target(argument)


@pytest.mark.parametrize(
    ("content", "line", "column", "before"),
    [
        (b"", 1, 1, ""),
        (b"ab\ncd\n", 1, 1, ""),
        (b"ab\ncd\n", 1, 3, "ab"),
        (b"ab\ncd\n", 2, 2, "ab\nc"),
        (b"ab\ncd\n", 3, 1, "ab\ncd\n"),
        (b"ab\r\ncd", 2, 3, "ab\r\ncd"),
        (b"ab\rcd\r\nef", 3, 1, "ab\rcd\r\n"),
        (b"\xef\xbb\xbfab", 1, 2, "a"),
        ("😀é = 1".encode(), 1, 3, "😀é"),
        ("a\x0cb\u2028c\x85d\ne".encode(), 1, 8, "a\x0cb\u2028c\x85d"),
        (b"\tx", 1, 2, "\t"),
    ],
    ids=repr,
)
def test_the_hole_is_before_the_column(
    tmp_path: Path, content: bytes, line: int, column: int, before: str
) -> None:
    file = tmp_path / "app.py"
    file.write_bytes(content)
    hole = file_hole(Target(file, line, column))
    assert hole.text[: hole.offset] == before
    assert hole.text == content.decode("utf-8-sig")


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        (b"abc\n", 1, 5, "line 1 has 3 characters, so COLUMN is at most 4; got 5"),
        (b"a\r\n", 1, 3, "line 1 has 1 character,"),
        (b"abc\n", 3, 1, "has 2 lines; there is no line 3"),
        (b"", 2, 1, "has 1 line; there is no line 2"),
        (b"abc", 999999999, 1, "has 1 line;"),
        (b"a\0b", 1, 1, "not a text file"),
        (b"ab\xff", 1, 1, r"not UTF-8 text \(byte 3"),
        ("x = 1\n".encode("utf-16"), 1, 1, "not"),
    ],
)
def test_places_and_files_that_do_not_fit(
    tmp_path: Path, content: bytes, line: int, column: int, message: str
) -> None:
    file = tmp_path / "app.py"
    file.write_bytes(content)
    with pytest.raises(CommandError, match=message) as caught:
        file_hole(Target(file, line, column))
    assert caught.value.status == USAGE_STATUS


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such file"):
        file_hole(Target(tmp_path / "absent.py", 1, 1))
    with pytest.raises(CommandError, match="is a folder"):
        file_hole(Target(tmp_path, 1, 1))
    with pytest.raises(CommandError, match="not a file name"):
        file_hole(Target(Path("a\0b"), 1, 1))
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="cannot be read"):
        file_hole(Target(tmp_path / "file" / "below.py", 1, 1))


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_module, "MAX_BYTES", 8)
    (tmp_path / "big.py").write_bytes(b"x" * 9)
    with pytest.raises(CommandError, match="is larger than"):
        file_hole(Target(tmp_path / "big.py", 1, 1))


def test_the_mark_is_the_hole() -> None:
    hole = stream_hole(io.BytesIO("é = <FILL>\r\nb".encode()), Path("stdin.py"))
    assert (hole.text, hole.offset) == ("é = \r\nb", 4)


@pytest.mark.parametrize(
    ("marked", "found"), [("", "no mark"), ("<fill>", "no mark"), ("<FILL><FILL>", "2 marks")]
)
def test_there_is_exactly_one_mark(marked: str, found: str) -> None:
    with pytest.raises(CommandError, match=f"exactly once; found {found}"):
        marked_hole(marked, Path("stdin.py"))
