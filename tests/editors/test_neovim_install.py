"""The Neovim plugin as docs/editors.md says to install it, and its help in each installation."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lsp_server.cli.app import run
from tests.editors.neovim_driver import FOOBAR, PLUGIN, STUB_SERVER, Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

CHECKOUT = PLUGIN.parents[1]
HELP = PLUGIN / "doc" / "fimbria.txt"
HELP_WIDTH = 78
WIDE = (250, 20)
"""Columns and rows: a message that does not fit would wait for a key."""
OWN_OPTIONS = (
    "vim.g.fimbria = vim.tbl_extend('force', vim.g.fimbria, { server = { model = 'm' } })\n"
)


def section(heading: str) -> str:
    """What docs/editors.md says below a heading."""
    text = (CHECKOUT / "docs" / "editors.md").read_text(encoding="utf-8")
    return text.split(f"\n### {heading}\n")[1].split("\n##")[0]


def block(text: str, what: str) -> str:
    """The first Lua block behind some words."""
    return text.partition(what)[2].split("```lua\n")[1].split("```")[0]


@contextmanager
def installed(program: Path, home: Path, setup: str) -> Iterator[Editor]:
    """Run a Neovim that has nothing of the plugin but what `setup` brings."""
    with running(program, home, server=STUB_SERVER, setup=setup, plugin=False, size=WIDE) as editor:
        # While init.lua waits for git, Neovim does what it is told by others.
        until(lambda: editor.lua("return vim.v.vim_did_enter == 1"), "the end of init.lua")
        yield editor


def check(editor: Editor, home: Path) -> None:
    """Ghost text comes, `:help fimbria` opens, and it is not left to somebody else to do more."""
    editor.open(home / "code.py")
    editor.script(FOOBAR)
    editor.keys("ifo")
    until(lambda: "obar" in editor.screen()[0], "ghost text")
    editor.keys("<Esc>")
    editor.command("help fimbria-keys")
    assert editor.lua("return vim.fn.expand('%:t')") == "fimbria.txt"
    assert "In insert mode" in "\n".join(editor.lines())


def test_by_hand(neovim_program: Path, tmp_path: Path) -> None:
    setup = block(section("Install"), "By hand").replace("~/fimbria", str(CHECKOUT))
    with installed(neovim_program, tmp_path, setup) as editor:
        check(editor, tmp_path)


def written_by_setup(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    assert run(["setup", "neovim", "--yes"]) == 0
    file = home / "config" / "nvim" / "plugin" / "fimbria-setup.lua"
    return file.read_text(encoding="utf-8")


def test_by_the_setup_command(
    neovim_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installed(neovim_program, tmp_path, written_by_setup(tmp_path, monkeypatch)) as editor:
        check(editor, tmp_path)


def test_options_beside_what_the_setup_command_writes(
    neovim_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neovim reads the written file after init.lua, which is too early for `require('fimbria')`."""
    written = written_by_setup(tmp_path, monkeypatch)
    setup = f"assert(not pcall(require, 'fimbria'))\n{OWN_OPTIONS}{written}"
    with installed(neovim_program, tmp_path, setup) as editor:
        check(editor, tmp_path)
        assert editor.seen("options") == {"fimbria": {"model": "m"}}


def test_the_documented_options_are_options(neovim_program: Path, tmp_path: Path) -> None:
    options = block(section("Use"), "`vim.g.fimbria` takes")
    with running(neovim_program, tmp_path, server=None, setup="TOLD = {}") as editor:
        editor.lua("vim.notify = function(text) TOLD[#TOLD + 1] = text end")
        editor.lua(options + "require('fimbria').setup()")
        config = editor.lua(
            "local config = require('fimbria.config').get(); config.filetypes = nil; return config"
        )
        assert config["keymaps"]["accept"] == "<C-y>"
        assert config["server"] == {"model": "codellama/CodeLlama-7b-hf"}
        assert editor.lua("return vim.wait(50, function() return #TOLD > 0 end)") is False


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a git repository with the plugin in it, as `vim.pack` clones one."""
    if shutil.which("git") is None:
        pytest.skip("no git, which vim.pack needs")
    folder = tmp_path / "fimbria"
    shutil.copytree(PLUGIN, folder / "editors" / "neovim")
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", folder, *arguments], check=True)
    return folder


def test_by_vim_pack(neovim_program: Path, tmp_path: Path, repository: Path) -> None:
    """The clone has the plugin only; `fimbria` is found on PATH or by the option `cmd`, as here."""
    documented = block(section("Install"), "`vim.pack`").replace("~/fimbria", str(repository))
    # Nobody is there to say yes to the clone.
    setup = documented.replace("  load =", "  confirm = false,\n  load =")
    assert "confirm" in setup
    with installed(neovim_program, tmp_path, setup) as editor:
        check(editor, tmp_path)
        found = editor.lua("return vim.api.nvim_get_runtime_file('plugin/fimbria.lua', true)")
        assert [Path(path).is_relative_to(tmp_path / "data") for path in found] == [True]


def test_the_helps_tags_are_current(neovim_program: Path, tmp_path: Path) -> None:
    """If not: `nvim --clean --headless -c 'helptags editors/neovim/doc' -c quit`.

    They are kept with the plugin because not every installation makes them.
    """
    (tmp_path / "doc").mkdir()
    shutil.copy(HELP, tmp_path / "doc")
    command = f"helptags {tmp_path / 'doc'}"
    subprocess.run([neovim_program, "--clean", "--headless", "-c", command, "-c", "q"], check=True)
    assert (HELP.parent / "tags").read_text() == (tmp_path / "doc" / "tags").read_text()


def test_the_help_fits_its_window() -> None:
    lines = HELP.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > HELP_WIDTH] == []


def test_the_configuration_without_the_plugin(neovim_program: Path, tmp_path: Path) -> None:
    stub = "{ '" + "', '".join(STUB_SERVER) + "', 'lsp' }"
    setup = block(section("Without the plugin"), "Neovim").replace("{ 'fimbria', 'lsp' }", stub)
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
