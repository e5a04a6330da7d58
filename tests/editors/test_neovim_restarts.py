"""The Neovim plugin when its server does not start, ends by itself, or is stopped."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.editors.neovim_driver import FOOBAR, Editor, running, until
from tests.editors.neovim_program import Program, neovim

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

MOST_STARTS = 6


def told(editor: Editor) -> list[str]:
    """Every message, also Neovim's own about its clients."""
    return list(editor.lua("return TOLD"))


def status(editor: Editor) -> dict[str, str]:
    return dict(editor.lua("return require('fimbria.status').get()"))


def num_clients(editor: Editor) -> int:
    return int(editor.lua("return #vim.lsp.get_clients({ name = 'fimbria' })"))


def comes_back(editor: Editor, within_ms: int = 300) -> bool:
    """Tell whether a server is started, also one that does not answer yet."""
    is_there = "return next(vim.lsp.get_clients({ _uninitialized = true })) ~= nil"
    return bool(editor.lua(f"return (vim.wait(..., function() {is_there} end))", within_ms))


def crash(editor: Editor) -> None:
    editor.lua("vim.lsp.get_clients({ name = 'fimbria' })[1]:notify('stub/crash', { _ = 0 })")


KILL = """
    for _, pid in ipairs(vim.api.nvim_get_proc_children(vim.fn.getpid())) do
      vim.uv.kill(pid, ...)
    end"""


def kill(editor: Editor, how: signal.Signals) -> None:
    editor.lua(KILL, int(how))


def projects(home: Path, count: int) -> list[Path]:
    """Return a Python file in each of some projects."""
    files = [home / f"project{number}" / "code.py" for number in range(count)]
    for file in files:
        (file.parent / ".git").mkdir(parents=True)
    return files


def wait_until_given_up(editor: Editor) -> None:
    code = "return require('fimbria.restarts').has_given_up()"
    until(lambda: editor.lua(code), "no further start")


@pytest.mark.parametrize("num_projects", [1, 2, 3])
def test_a_server_that_cannot_start_is_told_once_and_left_alone(
    neovim_program: Path, tmp_path: Path, program: Program, num_projects: int
) -> None:
    program.does("echo Traceback >&2", "echo 'ImportError: no module named x' >&2", "exit 1")
    with neovim(neovim_program, tmp_path, program, "LONGEST_MS = 20") as editor:
        for file in projects(tmp_path, num_projects):
            editor.command(f"silent edit {file}")
        wait_until_given_up(editor)
        why = "the server does not start (status 1: ImportError: no module named x)"
        assert told(editor) == [f"Fimbria: {why}; see :Fimbria health"]
        assert why in status(editor)["message"]
        starts = program.starts()
        assert starts <= MOST_STARTS if num_projects > 1 else starts == 3
        editor.command(f"silent edit {tmp_path / 'another.py'}")
        assert not comes_back(editor)
        assert program.starts() == starts


def test_a_server_that_cannot_start_does_not_interrupt_typing(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    """No message is longer than a line, after which Neovim would wait for a key."""
    program.does("echo 'ImportError: no module named x, and that is a long story' >&2", "exit 1")
    soon = "local defer = vim.defer_fn vim.defer_fn = function(call) return defer(call, 20) end"
    command = [str(program.file)]
    with running(neovim_program, tmp_path, server=command, setup=soon, size=(80, 24)) as editor:
        editor.command(f"silent edit {tmp_path / 'code.py'}")
        editor.keys("ix = ")
        wait_until_given_up(editor)
        editor.keys("1")
        editor.wait_for_lines("x = 1")
        message = "Fimbria: the server does not start; see :Fimbria health"
        assert [line for line in editor.messages().splitlines() if line] == [message]
        assert "a long story" in status(editor)["message"]


def test_a_server_that_ends_without_an_error_at_once_is_told(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    """Such as a program that is no language server."""
    program.does("exit 0")
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.command(f"silent edit {tmp_path / 'code.py'}")
        until(lambda: told(editor), "the message")
        assert told(editor) == [
            "Fimbria: the server does not start (status 0); see :Fimbria health"
        ]
        assert status(editor)["state"] == "error"


def test_a_server_that_could_not_start_is_started_when_it_can(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.does("exit 1")
    with neovim(neovim_program, tmp_path, program, "LONGEST_MS = 20") as editor:
        editor.command(f"silent edit {tmp_path / 'code.py'}")
        wait_until_given_up(editor)
        program.serves()
        editor.command("Fimbria restart")
        editor.wait_for_server()
        assert status(editor)["state"] == "ready"


def test_another_program_in_the_place_of_one_that_cannot_start(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.does("exit 1")
    other = Program(tmp_path / "other")
    other.serves()
    with neovim(neovim_program, tmp_path, program, "LONGEST_MS = 20") as editor:
        editor.command(f"silent edit {tmp_path / 'code.py'}")
        wait_until_given_up(editor)
        editor.lua("require('fimbria').setup({ cmd = ... })", str(other.file))
        editor.wait_for_server()
        assert status(editor)["state"] == "ready"


def test_a_server_that_crashes_again_and_again_is_given_up(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.serves()
    with neovim(neovim_program, tmp_path, program, "LONGEST_MS = 20") as editor:
        editor.open(tmp_path / "code.py")
        for number in range(2, MOST_STARTS + 1):
            crash(editor)
            program.wait_for_start(number)
            editor.wait_for_server()
        assert told(editor) == []
        crash(editor)
        until(lambda: told(editor), "the message")
        assert told(editor) == [
            "Fimbria: the server ends again and again (status 3); see :Fimbria health"
        ]
        assert program.starts() == MOST_STARTS


def test_a_killed_server_comes_back_without_a_word(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.serves()
    with neovim(neovim_program, tmp_path, program, "LONGEST_MS = 20") as editor:
        editor.open(tmp_path / "code.py")
        editor.keys("i")
        editor.wait_for_mode("i")
        kill(editor, signal.SIGKILL)
        program.wait_for_start(2)
        editor.wait_for_server()
        editor.script(FOOBAR)
        editor.keys("fo")
        editor.wait_for_ghost("obar")
        assert told(editor) == []


def test_a_server_that_is_coming_back_can_be_stopped(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.serves()
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.open(tmp_path / "code.py")
        crash(editor)
        until(lambda: num_clients(editor) == 0, "the crash")
        editor.command("Fimbria stop")
        # The first restart would come after half a second.
        assert not comes_back(editor, within_ms=1500)
        assert program.starts() == 1
        assert status(editor)["state"] == "off"


def test_a_server_that_is_starting_can_be_stopped(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.does("exec sleep 60")
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.command(f"edit {tmp_path / 'code.py'}")
        program.wait_for_start(1)
        editor.command("Fimbria stop")
        is_gone = "return next(vim.lsp.get_clients({ _uninitialized = true })) == nil"
        until(lambda: editor.lua(is_gone), "the end")
        assert told(editor) == ["Fimbria: stopped; :Fimbria restart brings it back"]


def test_stopping_and_restarting_is_told(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.serves()
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.open(tmp_path / "code.py")
        editor.command("Fimbria stop")
        until(lambda: num_clients(editor) == 0, "the end")
        editor.command("Fimbria restart")
        editor.wait_for_server()
        stopped = "Fimbria: stopped; :Fimbria restart brings it back"
        assert told(editor) == [stopped, "Fimbria: the server is started anew"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_server_that_has_to_be_killed_stays_away(
    neovim_program: Path, tmp_path: Path, program: Program, how: signal.Signals
) -> None:
    program.serves()
    with neovim(neovim_program, tmp_path, program, "LONGEST_MS = 20") as editor:
        editor.open(tmp_path / "code.py")
        editor.lua("vim.cmd('Fimbria stop')" + KILL, int(how))
        until(lambda: num_clients(editor) == 0, "the end")
        assert not comes_back(editor)
        assert program.starts() == 1


def test_a_server_that_hangs_is_killed_when_it_is_restarted(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.serves()
    with neovim(neovim_program, tmp_path, program, "LONGEST_MS = 20") as editor:
        editor.open(tmp_path / "code.py")
        editor.lua("vim.lsp.get_clients()[1]:notify('stub/hang', { _ = 0 })")
        editor.command("Fimbria restart")
        program.wait_for_start(2)
        editor.wait_for_server()


def test_the_chat_says_that_the_server_has_ended(
    neovim_program: Path, tmp_path: Path, program: Program
) -> None:
    program.serves()
    with neovim(neovim_program, tmp_path, program) as editor:
        editor.open(tmp_path / "code.py")
        editor.command("Fimbria chat how?")
        until(lambda: any("Like this:" in row for row in editor.screen()), "a part of the answer")
        crash(editor)
        ended = "> the server has ended; ask again"
        until(lambda: any(ended in row for row in editor.screen()), "the end, in the chat")
