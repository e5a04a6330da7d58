"""The Neovim plugin around its ghost text: status, commands, settings, the server."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, PLUGIN, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def server_pid(editor: Editor) -> str:
    """Tell one start of the server from the next."""
    return str(editor.lua("return vim.lsp.get_clients({ name = 'fimbria' })[1].id"))


def test_every_lua_file_can_be_read(editor: Editor) -> None:
    files = sorted(PLUGIN.rglob("*.lua"))
    assert len(files) > 10
    for file in files:
        assert editor.lua("local chunk, why = loadfile(...); return why", str(file)) is None


def test_options_that_make_no_sense_are_told(editor: Editor, neovim_program: Path) -> None:
    editor.lua(
        """
        require('fimbria').setup({ gost = {}, ghost = { hide_wth_menu = true }, filetypes = 'c' })
        """
    )

    def told() -> str:
        return " ".join(editor.messages().split())

    until(lambda: "no option `gost` (perhaps `ghost`?)" in told(), "the unknown option")
    assert "no option `ghost.hide_wth_menu` (perhaps `ghost.hide_with_menu`?)" in told()
    assert "`filetypes` has to be a list of strings" in told()
    editor.lua("require('fimbria').setup()")


def test_a_crashed_server_comes_back(editor: Editor) -> None:
    before = server_pid(editor)
    editor.lua("vim.lsp.get_clients({ name = 'fimbria' })[1]:notify('stub/crash', { _ = 0 })")
    is_another = """
        local client = vim.lsp.get_clients({ bufnr = 0, name = 'fimbria' })[1]
        return client ~= nil and client.initialized and tostring(client.id) ~= ..."""
    until(lambda: editor.lua(is_another, before), "another server")
    editor.wait_for_server()
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")


def test_the_server_is_restarted_on_demand(editor: Editor) -> None:
    before = server_pid(editor)
    editor.command("Fimbria restart")
    is_another = """
        local client = vim.lsp.get_clients({ bufnr = 0, name = 'fimbria' })[1]
        return client ~= nil and client.initialized and tostring(client.id) ~= ..."""
    until(lambda: editor.lua(is_another, before), "another server")
    editor.wait_for_server()


def fake_program(folder: Path) -> Path:
    """Put a `fimbria` that is the scripted server into a folder."""
    folder.mkdir(parents=True)
    program = folder / "fimbria"
    program.write_text(f"#!/bin/sh\nexec {STUB_SERVER[0]} {STUB_SERVER[1]} --suggest found\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("place", ["PATH", "~/.local/bin"])
def test_the_server_is_found(neovim_program: Path, tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    fake_program(home / ".local" / "bin" if place != "PATH" else tmp_path / "bin")
    environment = {"HOME": str(home), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    with running(neovim_program, tmp_path, server=None, environment=environment) as editor:
        editor.open(tmp_path / "code.py")
        editor.keys("i")
        editor.wait_for_ghost("found")


def test_a_projects_own_server_runs_only_when_it_is_trusted(
    neovim_program: Path, tmp_path: Path
) -> None:
    """Opening somebody's files must not run their programs."""
    (tmp_path / ".git").mkdir()
    program = fake_program(tmp_path / ".venv" / "bin")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    setup = """
        ASKED = {}
        vim.secure.read = function(path) ASKED[#ASKED + 1] = path; return TRUSTED end
        local program = require('fimbria.program')
        local places = program.places
        program.places = function(root)
          local function counts(place) return not place.what:find('checkout') end
          return vim.tbl_filter(counts, places(root))
        end"""
    size = (180, 16)
    with running(
        neovim_program, tmp_path, server=None, environment=environment, setup=setup, size=size
    ) as editor:
        for name in ("code.py", "more.py"):
            editor.keys(f":edit {tmp_path / name}<CR>")
            open_file = "return vim.fn.expand('%:t') == ..."
            until(partial(editor.lua, open_file, name), "the file")
        assert editor.lua("return ASKED") == [str(program)]
        assert editor.lua("return #vim.lsp.get_clients()") == 0
    with running(
        *(neovim_program, tmp_path),
        server=None,
        environment=environment,
        setup=f"TRUSTED = 'yes'; {setup}",
        size=size,
    ) as editor:
        editor.open(tmp_path / "code.py")
        editor.keys("i")
        editor.wait_for_ghost("found")


def test_where_the_server_is_looked_for(editor: Editor) -> None:
    places = editor.lua("return require('fimbria.program').places('/project')")
    assert [place["what"] for place in places] == [
        *("PATH", "~/.local/bin", "the plugin's checkout", "the project's .venv")
    ]
    checkout = PLUGIN.parents[1]
    assert places[2]["path"] == str(checkout / ".venv" / "bin" / "fimbria")
    assert places[3]["path"] == "/project/.venv/bin/fimbria"


AS_IN_0_11 = """
    local has, enabled = vim.fn.has, {}
    vim.fn.has = function(feature) return feature == 'nvim-0.12' and 0 or has(feature) end
    vim.lsp.inline_completion, vim.range, vim.pos, vim.lsp.is_enabled = nil, nil, nil, nil
    vim.cmd('highlight clear ComplHint')
    -- It leaves the files alone that are open already, and the servers that run.
    vim.lsp.enable = function(name, on)
      enabled[name] = on ~= false
      vim.api.nvim_create_autocmd('FileType', {
        group = vim.api.nvim_create_augroup('nvim.lsp.enable', {}),
        callback = function(event)
          local config = enabled[name] and vim.deepcopy(vim.lsp.config[name])
          if config and vim.tbl_contains(config.filetypes, vim.bo[event.buf].filetype) then
            -- It does not tell which project a server is started for.
            local start = config.cmd
            config.cmd = function(dispatchers) return start(dispatchers) end
            config.root_dir(event.buf, function(root)
              config.root_dir = root
              vim.schedule(function() vim.lsp.start(config, { bufnr = event.buf }) end)
            end)
          end
        end,
      })
    end"""
"""What Neovim 0.11.0 has not or does otherwise, as far as a newer one can play it."""


def test_without_what_neovim_0_12_added(neovim_program: Path, tmp_path: Path) -> None:
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=AS_IN_0_11) as editor:
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        editor.keys("ifo")
        until(lambda: editor.drawn()[0] == "foobar", "ghost text")
        editor.keys("<Tab>!")
        editor.wait_for_lines("foobar!")
        editor.keys("<Esc>:checkhealth fimbria<CR>")
        until(lambda: any("0.12 has better" in line for line in editor.lines()), "the report")


def test_stop_and_restart_without_what_neovim_0_12_added(
    neovim_program: Path, tmp_path: Path
) -> None:
    (tmp_path / "code.py").write_text("one\n")
    size = (250, 16)  # a message that does not fit would wait for a key
    with running(
        neovim_program, tmp_path, server=STUB_SERVER, setup=AS_IN_0_11, size=size
    ) as editor:
        editor.lua("vim.cmd.edit(...) vim.cmd('Fimbria simplify')", str(tmp_path / "code.py"))
        editor.wait_for_lines("# refactor.rewrite.simplify: 0", "one")
        editor.command("Fimbria stop")
        until(lambda: editor.lua("return #vim.lsp.get_clients()") == 0, "the end")
        editor.command("Fimbria simplify")
        until(lambda: "no server here" in editor.messages(), "the message")
        editor.command("Fimbria restart")
        editor.wait_for_server()
        editor.lua("vim.lsp.get_clients()[1]:notify('stub/crash', { _ = 0 })")
        until(lambda: editor.lua("return #vim.lsp.get_clients()") == 0, "the crash")
        editor.wait_for_server()


def test_a_file_that_is_open_before_the_plugin_starts(neovim_program: Path, tmp_path: Path) -> None:
    """As in `nvim code.py`: the plugin starts with Neovim's last event at its start."""
    (tmp_path / "code.py").write_text("one\n")
    open_it = f"{AS_IN_0_11} vim.cmd('filetype on') vim.cmd.edit('{tmp_path / 'code.py'}')"
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=open_it) as editor:
        editor.wait_for_server()
