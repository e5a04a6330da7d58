"""Ghost text in a small Neovim window: drawn as the text will look, at its edges too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, NO_ANSWER, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

COLUMNS, ROWS = 40, 12
TEXT_ROWS = ROWS - 2
TALL = [str(number) for number in range(30)]


@pytest.fixture(scope="module")
def small_editor(
    neovim_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Editor]:
    home = tmp_path_factory.mktemp("small")
    size = (COLUMNS, ROWS)
    with running(neovim_program, home, server=STUB_SERVER, size=size) as editor:
        yield editor


@pytest.fixture
def editor(small_editor: Editor, tmp_path: Path) -> Iterator[Editor]:
    small_editor.open(tmp_path / "code.py")
    small_editor.command("set noexpandtab tabstop=8 vartabstop= wrap scrolloff=0 laststatus=2")
    small_editor.script()
    yield small_editor
    small_editor.keys("<Esc>")
    small_editor.command("silent! bwipeout! | messages clear")


def write(editor: Editor, *lines: str) -> None:
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, ...)", lines)


def accepted_as_drawn(editor: Editor, drawn: list[str]) -> None:
    until(lambda: editor.drawn() == drawn, f"{drawn} on the screen")
    editor.keys("<Tab>")
    until(lambda: editor.ghost() == "", "no ghost text")
    assert editor.drawn() == drawn


@pytest.mark.parametrize("keys", ["GA", f"gg{TEXT_ROWS - 1}jA"], ids=["end of file", "middle"])
def test_lines_below_the_last_row_of_the_window(editor: Editor, keys: str) -> None:
    write(editor, *TALL)
    editor.script({"after": "fo", "text": "obar\n  baz\n  qux"}, NO_ANSWER)
    editor.keys(f"{keys}<CR>fo")
    editor.wait_for_ghost("obar\n  baz\n  qux")
    drawn = editor.drawn()
    editor.keys("<Tab>")
    until(lambda: "  qux" in editor.lines(), "the text")
    assert editor.drawn() == drawn


def test_lines_below_the_last_row_where_the_cursor_is_kept_off_the_edge(editor: Editor) -> None:
    editor.command("set scrolloff=3")
    write(editor, *TALL)
    editor.script({"after": "fo", "text": "obar\n  baz\n  qux"}, NO_ANSWER)
    editor.keys("GAfo")
    editor.wait_for_ghost("obar\n  baz\n  qux")
    assert editor.drawn()[-3:] == ["29foobar", "  baz", "  qux"]


def test_the_window_stays_where_there_is_room(editor: Editor) -> None:
    write(editor, *TALL)
    editor.script({"after": "fo", "text": "obar\n  baz"}, NO_ANSWER)
    editor.keys("gg3jAfo")
    editor.wait_for_ghost("obar\n  baz")
    assert editor.drawn()[0] == "0"


def test_more_lines_than_the_window_has(editor: Editor) -> None:
    """What cannot be seen is counted: nobody accepts lines that they do not know of."""
    write(editor, *TALL)
    text = "obar" + "".join(f"\n  {number}" for number in range(20))
    editor.script({"after": "fo", "text": text}, NO_ANSWER)
    editor.keys("GAfo")
    until(lambda: editor.drawn()[-1] == f"  {TEXT_ROWS - 2} … +{21 - TEXT_ROWS} lines", "the count")
    assert editor.drawn()[0] == "29foobar"


def test_ghost_lines_wider_than_the_window(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "o\n" + "x" * 50 + "\nend"}, NO_ANSWER)
    editor.keys("ifo")
    accepted_as_drawn(editor, ["foo", "x" * COLUMNS, "x" * 10, "end"])


def test_ghost_lines_wider_than_the_window_beside_line_numbers(editor: Editor) -> None:
    editor.command("setlocal number")
    editor.script({"after": "fo", "text": "o\n" + "x" * 50}, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_for_ghost("o\n" + "x" * 36 + "\n" + "x" * 14)
    editor.command("setlocal nonumber")


def test_a_rest_of_line_that_takes_several_rows(editor: Editor) -> None:
    """It is drawn once, behind the last line; the rows where it stands are blank."""
    editor.script({"after": "foo(", "text": "a,\n    b"}, NO_ANSWER)
    write(editor, "foo(" + "x" * 60 + ")")
    editor.keys("gg0f(a")
    rest = "    b" + "x" * 60 + ")"
    drawn = ["foo(a,", "", rest[:COLUMNS], rest[COLUMNS:]]
    until(lambda: editor.drawn() == drawn, f"{drawn} on the screen")
    editor.keys("<Tab>")
    editor.wait_for_lines("foo(a,", rest)


def test_a_rest_of_line_that_is_wrapped_between_words(editor: Editor) -> None:
    """Nobody but Neovim knows where its rows begin: it stays where it is."""
    editor.command("setlocal linebreak")
    editor.script({"after": "foo(", "text": "a,\n    b"}, NO_ANSWER)
    write(editor, "foo(" + "word " * 12 + ")")
    editor.keys("gg0f(a")
    until(lambda: "    b" in editor.drawn(), "ghost text")
    assert "".join(editor.drawn()).count("word") == 12
    editor.command("setlocal nolinebreak")


def test_a_tab_in_the_rest_of_the_line(editor: Editor) -> None:
    editor.script({"after": "foo(", "text": "a,\n    b"}, NO_ANSWER)
    write(editor, "     foo(aaaaaaa\tq)")
    editor.keys("gg0f(a")
    accepted_as_drawn(editor, ["     foo(a,", "    baaaaaaa    q)"])


@pytest.mark.parametrize(
    ("text", "drawn"), [("abc)", "  foo(abc)q"), ("a, b, c, d, e)", "  foo(a, b, c, d, e)q")]
)
def test_a_tab_that_is_replaced(editor: Editor, text: str, drawn: str) -> None:
    editor.script({"after": "foo(", "text": text, "cover": 2}, NO_ANSWER)
    write(editor, "  foo()\tq")
    editor.keys("gg0f(a")
    accepted_as_drawn(editor, [drawn])


def test_tabs_of_various_widths(editor: Editor) -> None:
    editor.command("setlocal vartabstop=4,12,4")
    editor.script({"after": "fo", "text": "o(\n\t\tx,\ty\n\t)"}, NO_ANSWER)
    editor.keys("ifo")
    accepted_as_drawn(editor, ["foo(", " " * 16 + "x,  y", "    )"])


def test_no_ghost_text_in_a_line_of_data(editor: Editor) -> None:
    """Each key would be slow where a line has megabytes."""
    editor.script(FOOBAR, {"after": "", "text": "never"})
    editor.command("setlocal nowrap")
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, { ('x'):rep(200000) .. ' ', '' })")
    editor.keys("ggAfo")
    until(lambda: editor.lua("return vim.fn.col('$')") == 200004, "the text")
    editor.keys("<Down>fo")
    editor.wait_for_ghost("obar")
    assert [before for before in editor.seen("asked") if len(before) > 2] == []
