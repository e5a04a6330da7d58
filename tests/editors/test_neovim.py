"""The Neovim plugin and a scripted server: what is drawn, what Tab does, timing at its edges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, NO_ANSWER, STUB_SERVER, Editor, running, until

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


def test_a_function_of_the_users_that_fails_is_told_once(editor: Editor) -> None:
    editor.lua("require('fimbria.config').get().ghost.enabled = function() error('mine') end")
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<Tab>")
    editor.wait_for_lines("foobar")
    assert editor.messages().count("`ghost.enabled`") == 1
    editor.lua("require('fimbria.config').get().ghost.enabled = true")


def test_turned_off_for_a_buffer(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.lua("require('fimbria').toggle(false, 0)")
    assert editor.ghost() == ""
    editor.keys("<Tab>y")
    editor.wait_for_lines("fo  y")


def test_a_paste_is_one_change(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("i")
    editor.wait_for_mode("i")
    editor.rpc.call("nvim_paste", "a\n\tb\nfo", True, -1)
    editor.wait_for_ghost("obar")
    assert set(editor.seen("asked")) <= {"", "fo"}


def test_under_another_name(editor: Editor, tmp_path: Path) -> None:
    editor.command(f"saveas {tmp_path / 'other.py'}")
    editor.wait_for_server()
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")


def test_in_a_floating_window(editor: Editor) -> None:
    editor.lua(
        """
        local place = { relative = 'editor', row = 2, col = 5, width = 30, height = 5 }
        vim.api.nvim_open_win(vim.api.nvim_get_current_buf(), true, place)
        """
    )
    editor.script({"after": "fo", "text": "obar\n  baz"}, NO_ANSWER)
    editor.keys("ifo")
    until(lambda: editor.screen()[3][5:35].rstrip() == "  baz", "ghost text in the window")
    editor.keys("<Tab><Esc>")
    editor.wait_for_lines("foobar", "  baz")
    editor.command("close")


def test_accepted_text_is_not_broken_into_lines(editor: Editor) -> None:
    editor.command("setlocal textwidth=10 formatoptions+=t")
    editor.script({"after": "fo", "text": "o bar baz qux quux"}, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_for_ghost("o bar baz qux quux")
    editor.keys("<Tab>")
    editor.wait_for_lines("foo bar baz qux quux")


def test_what_was_typed_while_the_server_started_gets_its_ghost(
    neovim_program: Path, tmp_path: Path
) -> None:
    server = [*STUB_SERVER, "--suggest", "obar"]
    with running(neovim_program, tmp_path, server=server) as editor:
        editor.command(f"edit {tmp_path / 'code.py'}")
        editor.keys("ifo")
        editor.wait_for_ghost("obar")


def test_ghost_text_has_a_colour_in_every_terminal(editor: Editor) -> None:
    def color(group: str) -> int | None:
        definition = "return vim.api.nvim_get_hl(0, { name = ..., link = false })"
        ctermfg: int | None = editor.lua(definition, group).get("ctermfg")
        return ctermfg

    editor.command("colorscheme default")
    assert color("FimbriaGhost") is not None
    assert color("ComplHint") is None, "other plugins use it, too"
    editor.command("colorscheme vim | highlight ComplHint ctermfg=42 | doautocmd ColorScheme")
    assert color("FimbriaGhost") == 42
    editor.command("highlight FimbriaGhost ctermfg=43 | doautocmd ColorScheme")
    assert color("FimbriaGhost") == 43
    editor.command("colorscheme default")
    editor.draw_ghost_apart()


def test_other_languages_by_configuration(neovim_program: Path, tmp_path: Path) -> None:
    setup = "vim.lsp.config('fimbria', { filetypes = { 'text', 'lua' } })"
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.open(tmp_path / "code.lua")
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")


def test_a_missing_server_is_told_once_where_it_would_be_used(
    neovim_program: Path, tmp_path: Path
) -> None:
    def edit(path: Path) -> None:
        editor.keys(f":edit {path}<CR>")
        until(lambda: editor.lua("return vim.fn.bufname()") == str(path), "the file")

    with running(neovim_program, tmp_path, server="/nowhere/fimbria", size=(180, 9)) as editor:
        edit(tmp_path / "text.txt")
        assert "Fimbria" not in editor.messages()
        edit(tmp_path / "code.py")
        message = "Fimbria: no program `/nowhere/fimbria`"
        until(lambda: editor.screen()[-1].startswith(message), "the message on the screen")
        edit(tmp_path / "more.py")
        assert editor.messages().count("Fimbria") == 1
        editor.keys("i<Tab>y")
        editor.wait_for_lines("    y")


def test_an_old_neovim_is_told(neovim_program: Path, tmp_path: Path) -> None:
    setup = """
        local has = vim.fn.has
        vim.fn.has = function(feature) return feature == 'nvim-0.11' and 0 or has(feature) end"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        assert "Fimbria needs Neovim 0.11 or newer" in editor.messages()
