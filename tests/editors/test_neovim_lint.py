"""The plugin's Lua, as luacheck and StyLua see it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.editors.conftest import editors_are_required
from tests.editors.get_luacheck import luacheck
from tests.editors.get_neovim import NoNeovimError
from tests.editors.get_stylua import lua_files, stylua
from tests.editors.get_vscode import NoVSCodeError

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

CHECKER = Path(__file__).with_name("check_lua.lua")


@pytest.fixture(scope="module")
def checker(neovim_program: Path) -> list[str]:
    """The command that checks files."""
    try:
        return [str(neovim_program), "-l", str(CHECKER), str(luacheck())]
    except NoNeovimError as failure:
        if editors_are_required():
            pytest.fail(str(failure), pytrace=False)
        pytest.skip(str(failure))


def test_nothing_is_found_in_the_plugin(checker: list[str]) -> None:
    done = subprocess.run([*checker, *lua_files()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_something_is_found_where_there_is_something(checker: list[str], tmp_path: Path) -> None:
    file = tmp_path / "bad.lua"
    file.write_text("local unused = 1\nprint(undefined)\n")
    done = subprocess.run([*checker, file], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "unused" in done.stderr
    assert "undefined" in done.stderr


@pytest.fixture(scope="module")
def formatter() -> list[str]:
    """The command that says which files are laid out otherwise."""
    try:
        return list(stylua())
    except NoVSCodeError as failure:
        if editors_are_required():
            pytest.fail(str(failure), pytrace=False)
        pytest.skip(str(failure))


def test_the_plugin_is_laid_out_by_stylua(formatter: list[str]) -> None:
    done = subprocess.run([*formatter, *lua_files()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_another_layout_is_found(formatter: list[str], tmp_path: Path) -> None:
    file = tmp_path / "bad.lua"
    file.write_text('local x="a"\n')
    done = subprocess.run([*formatter, file], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert str(file) in done.stdout
    subprocess.run([*formatter, "--write", file], check=True)
    assert file.read_text() == "local x = 'a'\n"
