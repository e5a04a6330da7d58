"""The Neovim plugin and a scripted server: accepting parts, candidates, menus, slow answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.neovim_driver import STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

FOOBAR = {"after": "fo", "text": "obar"}
NO_ANSWER = {"after": "", "text": "never", "hold": True}


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


def test_each_accepted_part_is_an_undo_step(editor: Editor) -> None:
    editor.script({"after": "x", "text": " = foo"}, NO_ANSWER)
    editor.keys("ix")
    editor.wait_for_ghost(" = foo")
    editor.keys("<C-Right><Tab>()<Esc>")
    editor.wait_for_lines("x = foo()")
    for lines in ["x = foo", "x =", "x", ""]:
        editor.keys("u")
        editor.wait_for_lines(lines)


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
    assert editor.request("stub/seen")["heard"] == [
        ["fimbria/didShowCompletion", {"id": "obar"}],
        ["fimbria/didDismissCompletion", {"id": "obar"}],
        ["fimbria/didShowCompletion", {"id": "bar.baz"}],
        ["fimbria/didAcceptCompletion", {"id": "bar.baz", "acceptedLength": 3}],
    ]


OPEN_MENU = '<C-r>=execute(\'call complete(1, ["foobar", "fooled"])\')<CR>'


def test_beside_an_open_completion_menu(editor: Editor) -> None:
    editor.command("set completeopt=menuone,noselect")
    editor.script({"after": "fo", "text": "rty"}, NO_ANSWER)
    editor.keys("ifo" + OPEN_MENU)
    until(lambda: editor.lua("return vim.fn.pumvisible()"), "the menu")
    editor.wait_for_ghost("rty")
    editor.keys("<Tab>")
    editor.wait_for_lines("forty")


def test_the_entry_that_is_selected_in_a_menu_is_completed(editor: Editor) -> None:
    editor.command("set completeopt=menuone,noinsert")
    editor.script({"after": "fo", "text": "foobar()", "before": 2})
    editor.keys("ifo" + OPEN_MENU)
    until(lambda: "foobar" in editor.request("stub/seen")["selected"], "a question with the entry")
    editor.wait_for_ghost("obar()")
    editor.keys("<Down>")
    until(lambda: "fooled" in editor.request("stub/seen")["selected"], "a question with the next")
    editor.keys("<C-y>")
    editor.wait_for_lines("fooled")


def test_a_key_of_the_menus_goes_to_the_menu(neovim_program: Path, tmp_path: Path) -> None:
    setup = """
        vim.keymap.set('i', '<Tab>', function()
          return vim.fn.pumvisible() == 1 and '<C-n>' or '<Tab>'
        end, { expr = true })"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.command("set completeopt=menuone,noinsert")
        editor.open(tmp_path / "code.py")
        editor.script({"after": "fo", "text": "obar()"}, FOOBAR, {"after": "", "text": "x"})
        editor.keys("ifo" + OPEN_MENU)
        editor.wait_for_ghost("obar()")
        editor.keys("<Tab><C-y>")
        editor.wait_for_lines("fooled")


BLINK = """
    -- Maps the key as blink.cmp does, with nothing to say for itself.
    local function former()
      local mappings = vim.api.nvim_buf_get_keymap(0, 'i')
      vim.list_extend(mappings, vim.api.nvim_get_keymap('i'))
      for _, mapping in ipairs(mappings) do
        if mapping.lhs == '<Tab>' and mapping.desc ~= 'blink.cmp' then return mapping end
      end
    end
    local function pass_on(mapping)
      if mapping.expr ~= 1 then
        vim.schedule(mapping.callback)
        return
      end
      local keys = mapping.callback()
      return mapping.replace_keycodes == 1 and vim.keycode(keys) or keys
    end
    local at_first = former()
    vim.api.nvim_buf_set_keymap(0, 'i', '<Tab>', '', {
      callback = function() return pass_on(IS_LATE and former() or at_first) end,
      expr = true,
      noremap = true,
      replace_keycodes = false,
      desc = 'blink.cmp',
    })
    package.loaded['blink.cmp'] = {
      is_menu_visible = function() return true end,
      get_selected_item = function() return { label = 'fo' } end,
    }"""


@pytest.mark.parametrize(("is_first", "is_late"), [(True, True), (True, False), (False, False)])
def test_tab_between_two_plugins(
    neovim_program: Path, tmp_path: Path, is_first: bool, is_late: bool
) -> None:
    """Whoever maps it last: it accepts ghost text, and is a Tab where there is none."""
    before = f"vim.api.nvim_create_autocmd('FileType', {{ callback = function() {BLINK} end }})"
    setup = f"IS_LATE = {str(is_late).lower()}; {before if is_first else ''}"
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.open(tmp_path / "code.py")
        mapped = "return vim.fn.maparg('<Tab>', 'i', false, true).buffer == 1"
        until(lambda: editor.lua(mapped), "the mapping")
        if not is_first:
            editor.lua(BLINK)
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.keys("<Tab>")
        editor.wait_for_lines("foobar")
        editor.keys("<Tab>")
        editor.wait_for_lines("foobar  ")
        editor.keys("!")
        editor.wait_for_lines("foobar  !")


def test_hidden_while_a_menu_is_open_if_so_set(neovim_program: Path, tmp_path: Path) -> None:
    options = {"ghost": {"hide_with_menu": True}}
    with running(neovim_program, tmp_path, server=STUB_SERVER, options=options) as editor:
        editor.command("set completeopt=menuone,noselect")
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.keys(OPEN_MENU)
        until(lambda: editor.lua("return vim.fn.pumvisible()"), "the menu")
        assert editor.ghost() == ""
        editor.keys("<C-e>")
        editor.wait_for_ghost("obar")


@pytest.mark.parametrize(
    "plugin",
    [
        "package.loaded['blink.cmp'] = { is_menu_visible = function() return OPEN end }",
        "package.loaded['cmp'] = { visible = function() return OPEN end }",
        "package.loaded['cmp'] = { visible = function() error('not as we know it') end }",
    ],
    ids=["blink.cmp", "nvim-cmp", "broken"],
)
def test_menus_of_plugins(editor: Editor, plugin: str) -> None:
    editor.lua(f"OPEN = true; {plugin}")
    editor.lua("require('fimbria.config').get().ghost.hide_with_menu = true")
    editor.script(FOOBAR, {"after": "foo", "text": "ls"})
    editor.keys("ifo")
    if "error" not in plugin:
        editor.wait_for_lines("fo")
        assert editor.ghost() == ""
        editor.lua("OPEN = false")
        editor.keys("o")
        editor.wait_for_ghost("ls")
    else:
        editor.wait_for_ghost("obar")
    editor.lua("package.loaded['blink.cmp'], package.loaded['cmp'] = nil, nil")
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


def test_an_older_answer_takes_no_newer_ghost_away(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "x", "hold": True}, {"after": "fob", "text": "ar"})
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    editor.keys("b")
    editor.wait_for_ghost("ar")
    editor.request("stub/release")
    editor.request("stub/seen")
    assert editor.ghost() == "ar"


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
