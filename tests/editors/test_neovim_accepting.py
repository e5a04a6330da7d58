"""The Neovim plugin and a scripted server: accepting parts, candidates, menus, slow answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, NO_ANSWER, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def test_word_by_word(editor: Editor) -> None:
    editor.script({"after": "x", "text": " = größe.wert(😀, 1)\n    pass"}, NO_ANSWER)
    editor.keys("ix")
    editor.wait_for_ghost(" = größe.wert(😀, 1)\n    pass")
    words = [" =", " größe", ".", "wert", "(", "😀", ",", " 1", ")", "\n    pass"]
    so_far = "x"
    for word in words:
        editor.keys("<C-Right>")
        so_far += word
        editor.wait_for_lines(*so_far.split("\n"))
    assert editor.ghost() == ""


def test_the_rest_stays_after_a_word(editor: Editor) -> None:
    editor.script({"after": "x", "text": " = foo + bar"}, NO_ANSWER)
    editor.keys("ix")
    editor.wait_for_ghost(" = foo + bar")
    editor.keys("<C-Right>")
    editor.wait_for_ghost(" foo + bar")
    editor.keys("<C-Right> +")
    editor.wait_for_ghost(" bar")
    editor.keys("<Tab>")
    editor.wait_for_lines("x = foo + bar")
    assert set(editor.seen("asked")) <= {"", "x", "x = foo + bar"}


def test_line_by_line(editor: Editor) -> None:
    editor.script({"after": "def f", "text": "oo(x):\n    y = x\n\n    return y"}, NO_ANSWER)
    editor.keys("idef f")
    whole = ["def foo(x):", "    y = x", "", "    return y"]
    until(lambda: editor.drawn() == whole, "all lines on the screen")
    editor.keys("<C-Down>")
    editor.wait_for_lines("def foo(x):")
    until(lambda: editor.drawn() == whole, "the rest where it was")
    editor.keys("<C-Down>")
    editor.wait_for_lines("def foo(x):", "    y = x")
    editor.keys("<C-Down><C-Down>")
    editor.wait_for_lines(*whole)
    assert editor.ghost() == ""


def test_other_candidates_when_asked_for(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar", "others": ["rty", "obar", "x"]}, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    for ghost in ["rty (2/3)", "x (3/3)", "obar (1/3)"]:
        editor.keys("<M-]>")
        editor.wait_for_ghost(ghost)
    editor.keys("<M-[>")
    editor.wait_for_ghost("x (3/3)")
    editor.keys("<Tab>")
    editor.wait_for_lines("fox")


def test_candidates_where_nothing_was_drawn(editor: Editor) -> None:
    editor.script(
        {"after": "fo", "text": "obar", "hold": True},
    )
    editor.keys("i")
    editor.wait_until_asked("")
    editor.script({"after": "", "text": "one", "others": ["two"]})
    editor.keys("<M-]>")
    editor.wait_for_ghost("one (1/2)")


def test_dismissed_until_the_next_key(editor: Editor) -> None:
    editor.script(FOOBAR, {"after": "foo", "text": "ls"})
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<C-]>")
    until(lambda: editor.ghost() == "", "no ghost text")
    editor.keys("o")
    editor.wait_for_ghost("ls")


def test_the_server_hears_what_became_of_its_suggestions(editor: Editor) -> None:
    editor.script(FOOBAR, {"after": "foo.", "text": "bar.baz"})
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.keys("<C-]>o.")
    editor.wait_for_ghost("bar.baz")
    editor.keys("<C-Right><Tab>")
    editor.wait_for_lines("foo.bar.baz")
    until(lambda: editor.seen("accepted") == ["bar.baz"], "the item's command")
    assert editor.seen("heard") == [
        ["fimbria/didShowCompletion", {"id": "obar"}],
        ["fimbria/didDismissCompletion", {"id": "obar"}],
        ["fimbria/didShowCompletion", {"id": "bar.baz"}],
        ["fimbria/didAcceptCompletion", {"id": "bar.baz", "acceptedLength": 3}],
    ]


def shown(editor: Editor) -> list[str]:
    return [params["id"] for kind, params in editor.seen("heard") if "didShow" in kind]


def test_each_candidate_is_reported_when_it_is_first_drawn(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar", "others": ["rty", "x"]}, NO_ANSWER)
    editor.keys("ifo")
    for key, ghost in [("", "obar"), ("<M-]>", "rty (2/3)"), ("<M-]>", "x (3/3)")]:
        editor.keys(key)
        editor.wait_for_ghost(ghost)
    editor.keys("<M-]>")
    editor.wait_for_ghost("obar (1/3)")
    assert shown(editor) == ["obar", "rty", "x"]


def test_what_a_menu_hides_is_reported_when_it_is_drawn(editor: Editor) -> None:
    editor.lua("require('fimbria.config').get().ghost.hide_with_menu = true")
    editor.script({"after": "fo", "text": "obar", "hold": True}, NO_ANSWER)
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    editor.lua("package.loaded['cmp'] = { visible = function() return true end }")
    editor.request("stub/release")
    until(lambda: editor.seen("answered") == ["fo"], "the answer")
    assert shown(editor) == []
    editor.lua("package.loaded['cmp'] = nil")
    editor.keys("o")
    editor.wait_for_ghost("bar")
    assert shown(editor) == ["obar"]
    editor.lua("require('fimbria.config').get().ghost.hide_with_menu = false")


def test_a_slow_server(editor: Editor) -> None:
    """Each answer takes two seconds; typing on meanwhile is not disturbed."""
    text = "oo(x):\n    return x"
    editor.script(
        {"after": "def f", "text": text, "delay_s": 2},
        {"after": "def fo", "text": text[1:], "delay_s": 2},
        {"after": "def foo", "text": text[2:], "delay_s": 2},
    )
    editor.keys("idef f")
    editor.wait_until_asked("def f")
    editor.keys("oo")
    editor.wait_for_lines("def foo")
    assert editor.ghost() == ""
    editor.wait_for_ghost("(x):\n    return x")
    editor.keys("<Tab>")
    editor.wait_for_lines("def foo(x):", "    return x")


def test_each_key_asks_at_once(editor: Editor) -> None:
    editor.script(NO_ANSWER)
    editor.keys("i")
    for before in ["a", "ab", "abc"]:
        editor.keys(before[-1])
        editor.wait_until_asked(before)


def test_nobody_waits_for_an_older_answer_when_a_newer_one_is_drawn(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "x", "hold": True}, {"after": "fob", "text": "ar"})
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    editor.keys("b")
    editor.wait_for_ghost("ar")
    editor.request("stub/release")
    assert editor.seen("answered") == ["fob"]
    assert editor.ghost() == "ar"


def test_an_older_answer_is_nothing_after_a_newer_one(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar", "hold": True})
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    editor.keys("o")
    until(lambda: "foo" in editor.seen("answered"), "the newer answer: nothing")
    editor.request("stub/release")
    until(lambda: "fo" in editor.seen("answered"), "the older answer")
    assert editor.ghost() == ""


def test_a_ghost_is_saved_only_when_it_is_accepted(editor: Editor, tmp_path: Path) -> None:
    editor.script({"after": "def f", "text": "oo(x):\n    return x"}, NO_ANSWER)
    editor.keys("idef f")
    editor.wait_for_ghost("oo(x):\n    return x")
    editor.command("write")
    assert (tmp_path / "code.py").read_text() == "def f\n"
    editor.keys("<Tab>")
    editor.wait_for_lines("def foo(x):", "    return x")
    editor.command("write")
    assert (tmp_path / "code.py").read_text() == "def foo(x):\n    return x\n"


def test_carriage_returns_in_a_unix_file_are_kept(editor: Editor, tmp_path: Path) -> None:
    """Mixed line breaks: Neovim keeps those of DOS as characters."""
    path = tmp_path / "mixed.py"
    path.write_bytes(b"# one\n# two\r\n# three\n")
    editor.script({"after": "f", "text": "oo\r\nbar"})
    editor.open(path)
    editor.keys("of")
    editor.wait_for_ghost("oo\nbar")
    editor.keys("<Tab>")
    until(lambda: "bar" in editor.lines(), "the text")
    editor.command("write")
    assert path.read_bytes() == b"# one\nfoo\r\nbar\n# two\r\n# three\n"


def test_keys_of_ones_own(editor: Editor) -> None:
    editor.lua("vim.keymap.set('i', '<C-l>', function() require('fimbria').accept('word') end)")
    editor.script({"after": "x", "text": " = foo"}, NO_ANSWER)
    editor.keys("ix")
    editor.wait_for_ghost(" = foo")
    editor.keys("<C-l>")
    editor.wait_for_lines("x =")


def test_no_keys_are_mapped_if_so_set(neovim_program: Path, tmp_path: Path) -> None:
    options = {"keymaps": False}
    with running(neovim_program, tmp_path, server=STUB_SERVER, options=options) as editor:
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.keys("<Tab>!")
        editor.wait_for_lines("fo  !")
