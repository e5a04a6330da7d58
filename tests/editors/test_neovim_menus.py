"""Ghost text beside completion menus in Neovim, and whose a key is."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from tests.editors.neovim_driver import (
    FOOBAR,
    NO_ANSWER,
    PLUGIN,
    STUB_SERVER,
    Editor,
    running,
    until,
)

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


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
    until(lambda: "foobar" in editor.seen("selected"), "a question with the entry")
    editor.wait_for_ghost("obar()")
    editor.keys("<Down>")
    until(lambda: "fooled" in editor.seen("selected"), "a question with the next")
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


NVIM_CMP = """
    -- Maps the key as nvim-cmp does: whenever typing begins, in front of who was there before.
    local cmp = { is_open = false, entry = nil, selected = 0, layers = 0 }
    function cmp.visible() return cmp.is_open end
    function cmp.get_active_entry() return cmp.entry end
    function cmp.select_next_item() cmp.selected = cmp.selected + 1 end
    package.loaded['cmp'] = cmp
    local function listen()
      local former = vim.fn.maparg('<Tab>', 'i', false, true)
      if former.desc == 'cmp.utils.keymap.set_map' then return end
      cmp.layers = cmp.layers + 1
      local function fallback()
        local keys = former.expr == 1 and former.callback() or '\t'
        if former.expr == 0 then former.callback() else vim.api.nvim_feedkeys(keys, 'in', true) end
      end
      local buffer = former.buffer == 1 and 0 or nil
      local options = { desc = 'cmp.utils.keymap.set_map', buffer = buffer }
      vim.keymap.set('i', '<Tab>', function() ON_TAB(cmp, fallback) end, options)
    end
    vim.api.nvim_create_autocmd('InsertEnter', { callback = listen })
    function ON_TAB(cmp, fallback)
      if cmp.visible() then cmp.select_next_item() else fallback() end
    end
    CMP = cmp"""


def documented_for_nvim_cmp() -> str:
    """The function for Tab in the help."""
    text = (PLUGIN / "doc" / "fimbria.txt").read_text(encoding="utf-8")
    match = re.search(r"cmp\.mapping\((function.*?end), \{ 'i', 's' \}\)", text, re.DOTALL)
    assert match
    return match[1]


def test_tab_as_documented_for_nvim_cmp(neovim_program: Path, tmp_path: Path) -> None:
    """Ghost text until an entry is selected; then the menu; a Tab where there is neither."""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=NVIM_CMP) as editor:
        editor.lua(f"cmp = CMP; DOCUMENTED = {documented_for_nvim_cmp()}")
        editor.lua("function ON_TAB(_, fallback) DOCUMENTED(fallback) end")
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.lua("CMP.is_open = true")
        editor.keys("<Tab>")
        editor.wait_for_lines("foobar")
        editor.keys("<Tab>")
        until(lambda: editor.lua("return CMP.selected") == 1, "the first entry")
        editor.keys("<Esc>ccfo")
        editor.wait_for_ghost("obar")
        editor.lua("CMP.entry = { get_completion_item = function() return { label = 'fo' } end }")
        editor.keys("<Tab>")
        until(lambda: editor.lua("return CMP.selected") == 2, "the next entry")
        editor.lua("CMP.is_open, CMP.entry = false, nil")
        editor.keys("<Esc>cc<Tab><Tab>!")
        editor.wait_for_lines("        !")


def test_nvim_cmp_stays_in_front_when_the_server_comes_back(
    neovim_program: Path, tmp_path: Path
) -> None:
    """No mapping over a mapping over a mapping."""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=NVIM_CMP) as editor:
        editor.open(tmp_path / "code.py")
        mapped = "return vim.fn.maparg('<Tab>', 'i', false, true).buffer == 1"
        until(lambda: editor.lua(mapped), "our mapping")
        editor.keys("i")
        until(lambda: editor.lua("return CMP.layers") == 1, "the mapping of nvim-cmp")
        editor.keys("<Esc>")
        editor.wait_for_mode("n")
        before = editor.lua("return vim.lsp.get_clients()[1].id")
        editor.command("Fimbria restart")
        is_another = "local c = vim.lsp.get_clients()[1]; return c and c.initialized and c.id > ..."
        until(lambda: editor.lua(is_another, before), "another server")
        editor.wait_for_server()
        editor.script(FOOBAR)
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        assert editor.lua("return CMP.layers") == 1
        editor.keys("<Tab><Tab>!")
        editor.wait_for_lines("foobar  !")


def test_the_built_in_inline_completion_draws_nothing_of_ours(
    neovim_program: Path, tmp_path: Path
) -> None:
    """It may be on for another server."""
    other = "', '".join([*STUB_SERVER, "--suggest", "other"])
    setup = f"""
        vim.lsp.config('other', {{ cmd = {{ '{other}' }}, filetypes = {{ 'python' }} }})
        vim.lsp.enable('other')
        vim.api.nvim_create_autocmd('LspAttach', {{
          callback = function(event)
            vim.lsp.inline_completion.enable(true, {{ bufnr = event.buf }})
          end,
        }})
        vim.lsp.inline_completion.enable()"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        for name in ("code.py", "more.py"):
            editor.open(tmp_path / name)
            other_is_there = """
                local client = vim.lsp.get_clients({ bufnr = 0, name = 'other' })[1]
                return client and client.initialized"""
            until(partial(editor.lua, other_is_there), "the other server")
            editor.script(FOOBAR)
            editor.keys("ifo")
            editor.wait_for_ghost("obar")
            until(lambda: "other" in editor.drawn()[0], "what the other server suggests")
            assert editor.drawn()[0].count("obar") == 1
            assert editor.seen("asked").count("fo") == 1
            editor.keys("<Esc>")
            editor.command("silent write")


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
        assert "fo" not in editor.seen("asked")
    else:
        editor.wait_for_ghost("obar")
    editor.lua("package.loaded['blink.cmp'], package.loaded['cmp'] = nil, nil")
    editor.lua("require('fimbria.config').get().ghost.hide_with_menu = false")
