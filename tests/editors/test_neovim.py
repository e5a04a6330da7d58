"""The Neovim plugin and a scripted server: what is drawn, what Tab does, timing at its edges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, NO_ANSWER, Editor, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def test_tab_accepts_what_is_drawn(editor: Editor) -> None:
    editor.script({"after": "def f", "text": "oo(x):\n    return x"})
    editor.keys("idef f")
    editor.wait_for_ghost("oo(x):\n    return x")
    drawn = editor.drawn()
    assert editor.lines() == ["def f"]
    editor.keys("<Tab>")
    editor.wait_for_lines(*drawn)
    assert drawn == ["def foo(x):", "    return x"]
    assert editor.lua("return vim.api.nvim_win_get_cursor(0)") == [2, len("    return x")]
    assert editor.ghost() == ""


def test_accepting_runs_the_items_command(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<Tab>")
    until(lambda: editor.seen("accepted") == ["obar"], "the item's command")


def test_accepting_after_typing_on_doubles_nothing(editor: Editor) -> None:
    """neovim#36529: the built-in inserts "foobaro"."""
    editor.script(FOOBAR, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("o")
    editor.wait_for_ghost("bar")
    editor.keys("<Tab>")
    editor.wait_for_lines("foobar")


def test_keys_on_either_side_of_tab_in_one_burst(editor: Editor) -> None:
    editor.script(FOOBAR, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("o<Tab>()")
    editor.wait_for_lines("foobar()")


def test_typing_something_else_takes_the_ghost_away_at_once(editor: Editor) -> None:
    editor.script(FOOBAR, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("x")
    editor.wait_for_lines("fox")
    assert editor.ghost() == ""
    editor.keys("<Tab>y")
    editor.wait_for_lines("fox y")


@pytest.mark.parametrize("keys", ["<CR>", "<Up>", "<Left>", "<BS>"])
def test_leaving_the_place_takes_the_ghost_away_at_once(editor: Editor, keys: str) -> None:
    editor.script(FOOBAR, NO_ANSWER)
    editor.keys("iabove<CR>;<Left>fo")
    editor.wait_for_ghost("obar")
    editor.keys(keys)
    until(lambda: editor.ghost() == "", "no ghost text")


def test_no_ghost_outside_of_insert_mode(editor: Editor) -> None:
    editor.script(FOOBAR, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<Esc>")
    until(lambda: editor.ghost() == "", "no ghost text")
    editor.keys("a<Tab>y")
    editor.wait_for_lines("fo  y")


def test_no_ghost_after_ctrl_c(editor: Editor) -> None:
    """Ctrl-C leaves insert mode without InsertLeave, and Neovim once went on drawing."""
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<C-c>")
    until(lambda: editor.ghost() == "", "no ghost text")


def test_a_late_answer_for_other_text_is_not_drawn(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar", "hold": True}, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    editor.keys("x")
    editor.wait_until_asked("fox")
    editor.request("stub/release")
    until(lambda: "fo" in editor.seen("answered"), "the late answer")
    assert editor.ghost() != "obar"
    assert editor.drawn() == ["foxnever"]


def test_a_late_answer_that_fits_is_drawn_without_what_was_typed(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar", "hold": True}, {"after": "foo", "text": None})
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    editor.keys("o")
    until(lambda: "foo" in editor.seen("answered"), "the next answer")
    editor.request("stub/release")
    editor.wait_for_ghost("bar")
    editor.keys("<Tab>")
    editor.wait_for_lines("foobar")


def test_a_superseded_request_leaves_the_ghost_alone(editor: Editor) -> None:
    """Another candidate was asked for; the answer says that the question is out of date."""
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.script({"after": "fo", "text": None})
    editor.keys("<M-]>")
    until(lambda: "fo" in editor.seen("answered"), "the null answer")
    assert editor.ghost() == "obar"


def test_typing_along_redraws_and_asks_nothing(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    for key, ghost in [("o", "bar"), ("b", "ar"), ("<BS>", "bar"), ("b", "ar"), ("a", "r")]:
        editor.keys(key)
        editor.wait_for_ghost(ghost)
    assert editor.seen("asked")[-1] == "fo"
    editor.keys("r")
    editor.wait_until_asked("foobar")
    assert editor.ghost() == ""


def test_typing_along_over_a_line_break(editor: Editor) -> None:
    editor.script({"after": "def f", "text": "oo(x):\n    return x"}, NO_ANSWER)
    editor.keys("idef f")
    editor.wait_for_ghost("oo(x):\n    return x")
    editor.keys("oo(x):<CR>re")
    editor.wait_for_ghost("turn x")
    editor.keys("<Tab>")
    editor.wait_for_lines("def foo(x):", "    return x")


def test_a_bracket_that_is_closed_while_typing_along(editor: Editor) -> None:
    """As plugins that close brackets do."""
    editor.lua("vim.keymap.set('i', '(', '()<Left>', { buffer = 0 })")
    editor.script({"after": "def f", "text": "oo(x): pass"}, NO_ANSWER)
    editor.keys("idef f")
    editor.wait_for_ghost("oo(x): pass")
    editor.keys("oo(")
    until(lambda: editor.drawn() == ["def foo(x): pass"], "the rest of the line as it will be")
    editor.keys("<Tab>")
    editor.wait_for_lines("def foo(x): pass")


def test_nothing_to_suggest_takes_the_ghost_away(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("x")
    until(lambda: "fox" in editor.seen("answered"), "the empty answer")
    editor.wait_for_ghost("")
    editor.keys("<Tab>y")
    editor.wait_for_lines("fox y")


def test_ghost_text_of_what_follows_the_cursor_too(editor: Editor) -> None:
    editor.script({"after": "foo(", "text": "a, b)", "cover": 1}, NO_ANSWER)
    editor.keys("ifoo() + 1" + "<Left>" * 5)
    editor.wait_for_ghost("a, b")
    assert editor.drawn() == ["foo(a, b) + 1"]
    editor.keys("a<Tab>;")
    editor.wait_for_lines("foo(a, b); + 1")


@pytest.mark.parametrize(
    ("text", "cover", "drawn", "lines"),
    [
        ("a, b) - 2", 3, ["foo(a, b) - 2 1"], ["foo(a, b) - 2 1"]),
        ("a", 5, ["foo(a"], ["foo(a"]),
        ("\n    a,\n)", 1, ["foo(", "    a,", ") + 1"], ["foo(", "    a,", ") + 1"]),
    ],
    ids=["longer", "shorter", "lines"],
)
def test_what_is_replaced_is_drawn_as_it_will_be(
    editor: Editor, text: str, cover: int, drawn: list[str], lines: list[str]
) -> None:
    editor.script({"after": "foo(", "text": text, "cover": cover}, NO_ANSWER)
    editor.keys("ifoo() + 1" + "<Left>" * 5)
    until(lambda: editor.drawn() == drawn, f"{drawn} on the screen")
    editor.keys("<Tab>")
    editor.wait_for_lines(*lines)


def test_ghost_text_behind_a_bracket_has_its_own_colour(editor: Editor) -> None:
    """Beside a highlighted pair of brackets ghost text once took their colours."""
    editor.script({"after": "foo(a)", "text": ".bar"})
    editor.keys("ifoo(a)")
    editor.wait_for_ghost(".bar")


def test_tabs_are_drawn_as_wide_as_they_will_be(editor: Editor) -> None:
    editor.command("setlocal noexpandtab tabstop=4")
    editor.script({"after": "if x {", "text": "\tfoo\n\ty\tz\n}"})
    editor.keys("iif x {")
    until(lambda: editor.drawn() == ["if x {  foo", "    y   z", "}"], "the tabs as blanks")
    editor.keys("<Tab>")
    editor.wait_for_lines("if x {\tfoo", "\ty\tz", "}")
    assert editor.drawn() == ["if x {  foo", "    y   z", "}"]


def test_ghost_text_that_begins_before_the_cursor(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "foobar", "before": 2}, NO_ANSWER)
    editor.keys("i= ;<Left>fo")
    editor.wait_for_ghost("obar")
    editor.keys("o<Tab>!")
    editor.wait_for_lines("= foobar!;")


def test_a_suggestion_for_another_place_is_not_drawn(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "foobar", "before": 2, "cover": -1})
    editor.keys("ifo")
    until(lambda: "fo" in editor.seen("answered"), "the answer")
    editor.keys("<Tab>y")
    editor.wait_for_lines("fo  y")


def test_characters_of_several_bytes_and_cells_before_the_cursor(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "ö('😀')"}, NO_ANSWER)
    editor.keys("ié = '😀漢'; fo")
    editor.wait_for_ghost("ö('😀')")
    drawn = editor.drawn()
    editor.keys("ö<Tab>!")
    editor.wait_for_lines(drawn[0] + "!")
    assert drawn == ["é = '😀漢'; foö('😀')"]


def test_dos_line_breaks(editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "dos.py"
    path.write_bytes(b"# one\r\n# two\r\n")
    editor.script({"after": "def f", "text": "oo(x):\r\n    return x"})
    editor.open(path)
    editor.keys("odef f")
    editor.wait_for_ghost("oo(x):\n    return x")
    editor.keys("<Tab>")
    editor.wait_for_lines("# one", "def foo(x):", "    return x", "# two")
    editor.command("write")
    assert path.read_bytes() == b"# one\r\ndef foo(x):\r\n    return x\r\n# two\r\n"


def test_the_next_suggestion_comes_after_accepting(editor: Editor) -> None:
    editor.script(FOOBAR, {"after": "foobar", "text": "()"})
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<Tab>")
    editor.wait_for_ghost("()")
    editor.keys("<Tab>")
    editor.wait_for_lines("foobar()")
