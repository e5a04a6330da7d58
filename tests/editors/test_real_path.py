"""The whole path: a real Neovim, the real server, the daemon and the starter model."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model_runtime.client import running_daemons
from tests.editors.neovim_driver import Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

SERVER = [sys.executable, "-m", "lsp_server"]
CODE = "import os\n\n\ndef file_size(path):\n    return os.path.getsize(\n"
AT_END = "<Esc>GA"


@pytest.fixture(scope="module")
def daemon_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment with a daemon of its own, which ends with the module's tests."""
    # A socket's path has room for about a hundred bytes.
    environment = {"FIMBRIA_RUNTIME_DIR": str(tmp_path_factory.mktemp("r"))}
    yield {
        **environment,
        "FIMBRIA_LOG_FILE": str(tmp_path_factory.mktemp("log") / "lsp.log"),
        "FIMBRIA_DEVICE": "cpu",
        "FIMBRIA_MAX_TOKENS": "24",
    }
    subprocess.run(
        [*SERVER, "stop", "--all"],
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def shared_editor(
    neovim_program: Path,
    tmp_path_factory: pytest.TempPathFactory,
    daemon_environment: dict[str, str],
) -> Iterator[Editor]:
    """One Neovim for all tests here."""
    home = tmp_path_factory.mktemp("neovim")
    with running(neovim_program, home, server=SERVER, environment=daemon_environment) as editor:
        yield editor


@pytest.fixture
def editor(shared_editor: Editor) -> Iterator[Editor]:
    """The shared Neovim; what a test opened is closed behind it."""
    yield shared_editor
    shared_editor.keys("<Esc>")
    shared_editor.command("silent! bwipeout! | messages clear")


@pytest.fixture
def daemons(
    daemon_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[int]]:
    """A function that returns the processes of the daemons that run for these tests."""
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", daemon_environment["FIMBRIA_RUNTIME_DIR"])
    return lambda: [endpoint.pid for endpoint in running_daemons()]


def write_code(folder: Path, text: str = CODE) -> Path:
    path = folder / "code.py"
    path.write_bytes(text.encode())
    return path


def wait_for_any_ghost(editor: Editor) -> str:
    return until(editor.ghost, "ghost text on the screen")


def accept(editor: Editor) -> None:
    """Accept the ghost text and check that the buffer becomes what was drawn."""
    drawn = editor.drawn()
    editor.keys("<Tab>")
    editor.wait_for_lines(*drawn)


def test_ghost_text_is_accepted_as_drawn(editor: Editor, tmp_path: Path) -> None:
    editor.open(write_code(tmp_path))
    editor.keys(AT_END)
    wait_for_any_ghost(editor)
    accept(editor)
    ast.parse("\n".join(editor.lines()))


def test_typing_into_the_ghost_and_accepting_at_once(editor: Editor, tmp_path: Path) -> None:
    editor.open(write_code(tmp_path))
    editor.keys(AT_END)
    ghost = wait_for_any_ghost(editor)
    whole = editor.drawn()
    editor.keys(ghost[:2] + "<Tab>")
    editor.wait_for_lines(*whole)


def test_typing_without_a_pause(editor: Editor, tmp_path: Path) -> None:
    """The answers to the older requests, whenever they come, leave nothing behind."""
    editor.open(write_code(tmp_path, CODE.removesuffix("os.path.getsize(\n")))
    editor.keys(AT_END)
    for key in "os.path.getsize(":
        editor.keys(key)
        assert editor.drawn()[-1].startswith(editor.lines()[-1].rstrip())
    wait_for_any_ghost(editor)
    accept(editor)


def test_emoji_before_the_cursor(editor: Editor, tmp_path: Path) -> None:
    line = '    print("😀漢é"); return os.path.getsize('
    editor.open(write_code(tmp_path, CODE.replace("    return os.path.getsize(", line)))
    editor.keys(AT_END)
    wait_for_any_ghost(editor)
    accept(editor)
    assert editor.lines()[4].startswith(line)


def test_a_dos_file_stays_one(editor: Editor, tmp_path: Path) -> None:
    path = write_code(tmp_path, CODE.replace("\n", "\r\n"))
    editor.open(path)
    editor.keys(AT_END)
    wait_for_any_ghost(editor)
    accept(editor)
    editor.command("write")
    saved = path.read_bytes()
    assert saved.decode().split("\r\n") == [*editor.lines(), ""]
    assert b"\r\r" not in saved


def test_two_editors_share_one_daemon(
    editor: Editor,
    neovim_program: Path,
    tmp_path: Path,
    daemon_environment: dict[str, str],
    daemons: Callable[[], list[int]],
) -> None:
    home = tmp_path / "other"
    home.mkdir()
    with running(neovim_program, home, server=SERVER, environment=daemon_environment) as other:
        for window, folder in (editor, tmp_path), (other, home):
            window.open(write_code(folder))
            window.keys(AT_END)
        assert wait_for_any_ghost(editor) == wait_for_any_ghost(other)
        accept(editor)
        accept(other)
    assert len(daemons()) == 1


def test_ghost_text_comes_back_after_the_daemon_was_killed(
    editor: Editor, tmp_path: Path, daemons: Callable[[], list[int]]
) -> None:
    editor.open(write_code(tmp_path))
    editor.keys(AT_END)
    ghost = wait_for_any_ghost(editor)
    (killed,) = daemons()
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in daemons(), "the daemon's end")
    editor.keys("<C-u>" + CODE.splitlines()[-1])
    until(lambda: editor.ghost() == ghost, "the same ghost text")
    accept(editor)
    assert killed not in daemons()
    assert "Error" not in editor.messages()


def test_word_by_word_leaves_what_was_drawn(editor: Editor, tmp_path: Path) -> None:
    editor.open(write_code(tmp_path))
    editor.keys(AT_END)
    wait_for_any_ghost(editor)
    drawn = editor.drawn()
    before = editor.lines()
    editor.keys("<C-Right>")
    until(lambda: editor.lines() != before, "the first word")
    assert editor.drawn() == drawn


def test_a_docstring_by_command(editor: Editor, tmp_path: Path) -> None:
    """A code action of the server's, with the edit that it makes."""
    editor.open(write_code(tmp_path, CODE.replace("getsize(", "getsize(path)")))
    editor.keys("<Esc>G")
    wait_for_mode = "return vim.api.nvim_get_mode().mode == 'n'"
    until(lambda: editor.lua(wait_for_mode), "normal mode")
    editor.command("Fimbria doc")
    until(lambda: any('"""' in line for line in editor.lines()), "a docstring in the buffer")
    function = ast.parse("\n".join(editor.lines())).body[1]
    assert isinstance(function, ast.FunctionDef)
    assert ast.get_docstring(function)
    editor.keys("u")
    until(lambda: not any('"""' in line for line in editor.lines()), "the docstring undone")


def test_the_status_says_why_the_starter_is_silent(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "a.lua").write_text("local x = \n")
    editor.open(tmp_path / "a.lua")
    editor.keys("A 1<Esc>")
    until(lambda: editor.request("fimbria/status")["isReady"], "the model")
    editor.command("messages clear")
    editor.command("Fimbria status")
    why = "starter knows Python; in lua it has to be surer"
    until(lambda: why in editor.messages(), "the reason")


def test_chat_says_what_it_lacks(editor: Editor, tmp_path: Path) -> None:
    editor.open(write_code(tmp_path))
    editor.keys(":Fimbria chat<CR>")
    said = """
        local buffer = require('fimbria.chat_view').buffer()
        return buffer and vim.api.nvim_buf_get_lines(buffer, 0, -1, true)[1] or ''"""
    until(lambda: "starter does not chat" in editor.lua(said), "why nobody answers")
    editor.keys("<Esc>q")
    until(lambda: editor.lua("return #vim.api.nvim_list_wins()") == 1, "the chat closed")
