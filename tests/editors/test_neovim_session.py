"""The Neovim plugin around its ghost text: status, commands, settings, the server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli.app import run
from tests.editors.neovim_driver import PLUGIN, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

FOOBAR = {"after": "fo", "text": "obar"}


@pytest.fixture(scope="module")
def shared_editor(
    neovim_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Editor]:
    """One Neovim with the scripted server, wide enough for its messages."""
    home = tmp_path_factory.mktemp("neovim")
    with running(neovim_program, home, server=STUB_SERVER, size=(250, 16)) as editor:
        yield editor


def status(editor: Editor) -> str:
    return str(editor.lua("return require('fimbria').status()"))


def type_command(editor: Editor, command: str) -> None:
    """As a person does: what it says is read before the next one is typed."""
    editor.keys(f":{command}<CR>")
    until(lambda: editor.lua("return vim.fn.histget(':')") == command, "the command")


def server_pid(editor: Editor) -> str:
    """Tell one start of the server from the next."""
    return str(editor.lua("return vim.lsp.get_clients({ name = 'fimbria' })[1].id"))


def seen(editor: Editor, what: str) -> Any:
    return editor.request("stub/seen")[what]


def test_every_lua_file_can_be_read(editor: Editor) -> None:
    files = sorted(PLUGIN.rglob("*.lua"))
    assert len(files) > 10
    for file in files:
        assert editor.lua("local chunk, why = loadfile(...); return why", str(file)) is None


def test_the_status_line_while_the_model_loads(editor: Editor) -> None:
    editor.command("set laststatus=2 statusline=%{v:lua.require'fimbria'.status()}")

    def shows(text: str) -> None:
        until(lambda: editor.screen()[-2].strip() == text, f"the status {text!r} on the screen")

    shows("Fimbria")
    editor.request("stub/progress", kind="begin")
    shows("Fimbria 0/100")
    editor.request("stub/progress", kind="report", percentage=42)
    shows("Fimbria 42/100")
    editor.request("stub/progress", kind="end")
    shows("Fimbria")
    type_command(editor, "Fimbria toggle")
    shows("Fimbria paused")
    type_command(editor, "Fimbria toggle")
    shows("Fimbria")
    editor.command("set laststatus& statusline&")


def test_the_status_while_it_thinks(editor: Editor) -> None:
    editor.script({"after": "fo", "text": "obar", "hold": True})
    editor.keys("ifo")
    editor.wait_until_asked("fo")
    assert status(editor) == "Fimbria …"
    editor.request("stub/release")
    editor.wait_for_ghost("obar")
    assert status(editor) == "Fimbria"


def test_an_error_stays_in_the_status_until_something_works(editor: Editor) -> None:
    editor.request("stub/say", kind=1, text="Fimbria: the model is missing.")
    until(lambda: status(editor) == "Fimbria!", "the error")
    state = editor.lua("return require('fimbria.status').get()")
    assert state["message"] == "the model is missing."
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    assert status(editor) == "Fimbria"


def test_no_status_where_there_is_no_server(editor: Editor) -> None:
    editor.command("new")
    assert status(editor) == ""
    editor.command("bwipeout!")


def test_commands_are_completed(editor: Editor) -> None:
    def completed(line: str) -> list[str]:
        return list(editor.lua("return vim.fn.getcompletion(..., 'cmdline')", line))

    assert "toggle" in completed("Fimbria ")
    assert completed("Fimbria sta") == ["status"]
    assert completed("Fimbria toggle b") == ["buffer"]
    assert completed("'<,'>Fimbria ex") == ["explain"]


def test_a_misspelt_command_is_told(editor: Editor) -> None:
    editor.keys(":Fimbria togle<CR>")
    until(lambda: "no `:Fimbria togle`. Perhaps `toggle`?" in editor.messages(), "the message")


def test_every_command_is_in_the_help(editor: Editor) -> None:
    text = (PLUGIN / "doc" / "fimbria.txt").read_text(encoding="utf-8")
    commands = editor.lua("return require('fimbria.commands').about()")
    assert {name for name in commands if f"\n:Fimbria {name}" not in text} == set()
    defaults = editor.lua("return require('fimbria.config').defaults()")
    names = [*defaults, *(defaults["ghost"]), *(defaults["keymaps"])]
    assert {name for name in names if name not in text} == set()


def test_the_help_has_no_tag_twice(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "doc").mkdir()
    source = PLUGIN / "doc" / "fimbria.txt"
    (tmp_path / "doc" / "fimbria.txt").write_bytes(source.read_bytes())
    editor.command(f"helptags {tmp_path / 'doc'}")
    assert "fimbria.txt\t" in (tmp_path / "doc" / "tags").read_text()


def test_ghost_text_off_and_on_in_one_buffer(editor: Editor) -> None:
    editor.script(FOOBAR)
    editor.keys("ifo")
    editor.wait_for_ghost("obar")
    editor.command("silent Fimbria toggle buffer")
    assert status(editor) == "Fimbria paused"
    assert editor.ghost() == ""
    editor.keys("<BS>o")
    editor.wait_for_lines("fo")
    assert editor.ghost() == ""
    editor.command("silent Fimbria toggle buffer")
    editor.wait_for_ghost("obar")


def test_another_model_while_the_server_runs(editor: Editor) -> None:
    type_command(editor, "Fimbria model large")
    until(lambda: seen(editor, "settings") == [{"fimbria": {"model": "large"}}], "the setting")


def test_code_actions_by_name(editor: Editor) -> None:
    editor.keys("ione<CR>two<CR>three<Esc>")
    editor.wait_for_lines("one", "two", "three")
    editor.command("2Fimbria simplify")
    editor.wait_for_lines("one", "# refactor.rewrite.simplify: 1", "two", "three")
    editor.command("1,3Fimbria explain")
    until(lambda: editor.lines()[0] == "# fimbria.explain: 2", "the second action")


def test_code_actions_see_what_others_report(editor: Editor) -> None:
    editor.keys("ione<Esc>")
    editor.lua(
        """
        local space = vim.api.nvim_create_namespace('linter')
        vim.diagnostic.set(space, 0, { { lnum = 0, col = 0, end_col = 3, message = 'one is odd' } })
        """
    )
    editor.command("Fimbria fix")
    editor.wait_for_lines("# quickfix: 0", "one")
    assert seen(editor, "reported") == ["one is odd"]


def test_an_edit_with_an_instruction(editor: Editor) -> None:
    editor.keys("ione<CR>two<CR>three<Esc>")
    editor.wait_for_lines("one", "two", "three")
    editor.command("2,3Fimbria edit use one line")
    (instruction,) = until(lambda: seen(editor, "instructions"), "the instruction")
    assert instruction["instruction"] == "use one line"
    start, end = instruction["range"]["start"], instruction["range"]["end"]
    assert (start["line"], end["line"], end["character"]) == (1, 2, 5)


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
    assert "`filetypes` has to be a table" in told()
    editor.lua("require('fimbria').setup()")


def test_options_and_server_settings_by_setup(neovim_program: Path, tmp_path: Path) -> None:
    setup = f"""
        vim.opt.runtimepath:prepend('{PLUGIN}')
        require('fimbria').setup({{ filetypes = {{ 'text' }}, server = {{ max_tokens = 7 }} }})"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.open(tmp_path / "notes.txt")
        assert seen(editor, "options") == {"fimbria": {"max_tokens": 7}}
        editor.command(f"edit {tmp_path / 'code.py'}")
        assert editor.lua("return #vim.lsp.get_clients({ bufnr = 0 })") == 0


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


def test_health(editor: Editor) -> None:
    editor.command("Fimbria health")
    text = until(lambda: "\n".join(editor.lines()), "the report")
    assert f"{STUB_SERVER[0]} {STUB_SERVER[1]} (the option `cmd`)" in text
    assert "1 buffers" in text
    assert "accept: <Tab>" in text or "<Tab>: accept" in text
    editor.command("bwipeout!")


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


def documented(heading: str) -> str:
    """The first Lua block below a heading of docs/editors.md."""
    text = (PLUGIN.parents[1] / "docs" / "editors.md").read_text(encoding="utf-8")
    return text.split(f"\n### {heading}\n")[1].split("```lua\n")[1].split("```")[0]


def test_the_documented_configuration_without_the_plugin(
    neovim_program: Path, tmp_path: Path
) -> None:
    stub = "{ '" + "', '".join(STUB_SERVER) + "', 'lsp' }"
    setup = documented("Without the plugin").replace("{ 'fimbria', 'lsp' }", stub)
    with running(neovim_program, tmp_path, server=None, setup=setup, plugin=False) as editor:
        editor.command("highlight ComplHint guifg=#6b7a90")
        editor.command(f"edit {tmp_path / 'code.py'}")
        initialized = "return (vim.lsp.get_clients({ bufnr = 0 })[1] or {}).initialized"
        until(lambda: editor.lua(initialized), "the language server attached")
        editor.script(FOOBAR, {"after": "", "text": "never", "hold": True})
        editor.keys("ifo")
        editor.wait_for_ghost("obar")
        editor.keys("o<Tab>")
        editor.wait_for_lines("foobar")
        editor.keys("<Tab>!")
        editor.wait_for_lines("foobar  !")


def test_the_documented_installation_by_hand(neovim_program: Path, tmp_path: Path) -> None:
    setup = documented("Install").replace("~/fimbria", str(PLUGIN.parents[1]))
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup, plugin=False) as editor:
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        editor.keys("ifo")
        until(lambda: "obar" in editor.screen()[0], "ghost text")


def test_what_the_setup_command_writes(
    neovim_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by Neovim at its start, as every file of its configuration's `plugin` folder is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert run(["setup", "neovim", "--yes"]) == 0
    written = tmp_path / "config" / "nvim" / "plugin" / "fimbria-setup.lua"
    setup = written.read_text(encoding="utf-8")
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup, plugin=False) as editor:
        editor.open(tmp_path / "code.py")
        assert editor.lua("return vim.fn.exists(':Fimbria')") == 2


def test_where_the_server_is_looked_for(editor: Editor) -> None:
    places = editor.lua("return require('fimbria.program').places('/project')")
    assert [place["what"] for place in places] == [
        *("PATH", "~/.local/bin", "the plugin's checkout", "the project's .venv")
    ]
    checkout = PLUGIN.parents[1]
    assert places[2]["path"] == str(checkout / ".venv" / "bin" / "fimbria")
    assert places[3]["path"] == "/project/.venv/bin/fimbria"


def test_without_what_neovim_0_12_added(neovim_program: Path, tmp_path: Path) -> None:
    """As far as a newer one can play an older one."""
    setup = """
        local has = vim.fn.has
        vim.fn.has = function(feature) return feature == 'nvim-0.12' and 0 or has(feature) end
        vim.lsp.inline_completion, vim.range, vim.pos = nil, nil, nil
        vim.cmd('highlight clear ComplHint')
        -- Neovim 0.11 does not tell which project a server is started for.
        local client = require('fimbria.client')
        local start = client._start
        client._start = function(dispatchers) return start(dispatchers) end"""
    with running(neovim_program, tmp_path, server=STUB_SERVER, setup=setup) as editor:
        editor.open(tmp_path / "code.py")
        editor.script(FOOBAR)
        editor.keys("ifo")
        until(lambda: editor.drawn()[0] == "foobar", "ghost text")
        editor.keys("<Tab>!")
        editor.wait_for_lines("foobar!")
        editor.keys("<Esc>:checkhealth fimbria<CR>")
        until(lambda: any("0.12 has better" in line for line in editor.lines()), "the report")
