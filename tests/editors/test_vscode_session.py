"""The server's life in VS Code: found, trusted, started, broken, replaced."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.vscode_driver import Window, another_window, running
from tests.editors.vscode_fixtures import Stub, new_stub, vscode_tools

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

REAL_SERVER = [sys.executable, "-m", "lsp_server"]


@dataclass(frozen=True, slots=True)
class Home:
    """A user's home folder, whose `bin` is on PATH once VS Code has asked a login shell."""

    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "fimbria"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "SHELL": "/bin/bash",
            "PATH": f"{vscode_tools().node.parent}:/usr/bin:/bin",
            "FIMBRIA_RUNTIME_DIR": str(self.folder / "run"),
            "FIMBRIA_LOG_FILE": str(self.folder / "lsp.log"),
            "FIMBRIA_WARM_UP": "false",
        }


def new_home(folder: Path) -> Home:
    (folder / ".profile").write_text('PATH="$HOME/bin:$PATH"\n', encoding="utf-8")
    return Home(folder)


def write_program(path: Path, script: str) -> None:
    """Write a program in place of one that may be running."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    new.chmod(0o755)
    new.replace(path)


def running_stub(stub: Stub) -> str:
    """Return the script of a program that is the stub."""
    return f'exec {" ".join(stub.command)} "$@"'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return new_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory, home: Home) -> Stub:
    """The program on PATH."""
    stub = new_stub(tmp_path_factory.mktemp("stub"))
    write_program(home.program, running_stub(stub))
    return stub


@pytest.fixture(scope="module")
def shared_window(
    tmp_path_factory: pytest.TempPathFactory, home: Home, stub: Stub
) -> Iterator[Window]:
    """A workbench that has to find its server."""
    folder = tmp_path_factory.mktemp("vscode")
    with running(vscode_tools(), folder, {}, home.environment) as window:
        window.open("code.txt", "x\n")
        window.wait_for_status("ready")  # or its start would be taken for that of the next
        yield window


@pytest.fixture
def window(shared_window: Window, stub: Stub) -> Window:
    """The workbench with a server that has just been started and suggests `one two`."""
    stub.suggest("one two")
    stub.forget()
    restart(shared_window)
    shared_window.until(lambda: stub.seen("started"), "the server on PATH")
    shared_window.wait_for_status("ready")
    return shared_window


def restart(window: Window) -> None:
    clear_messages(window)
    window.run_command("Fimbria: Restart Server")


def clear_messages(window: Window) -> None:
    window.run_command("Notifications: Clear All Notifications")
    window.until(lambda: not window.messages(), "no messages")


def test_a_server_on_path_is_run_outside_of_the_workspace(
    window: Window, stub: Stub, home: Home
) -> None:
    (started,) = stub.seen("started")
    assert started.endswith(f" in {home.folder}")
    window.type("a")
    assert window.wait_for_ghost() == "one two"


def test_the_workspaces_own_environment_comes_first(
    window: Window, stub: Stub, tmp_path: Path
) -> None:
    own = new_stub(tmp_path)
    program = window.folder / ".venv" / "bin" / "fimbria"
    write_program(program, running_stub(own))
    stub.forget()
    restart(window)
    window.until(lambda: own.seen("started"), "the server of .venv")
    program.unlink()
    restart(window)
    window.until(lambda: stub.seen("started"), "the server on PATH")


def test_a_broken_server_is_told_once_with_its_own_words(
    window: Window, stub: Stub, home: Home
) -> None:
    write_program(home.program, "echo \"No module named 'pygls'\" >&2; exit 1")
    restart(window)
    window.wait_for_status("the server cannot be started: No module named 'pygls'")
    (message,) = window.until(window.messages, "a message")
    assert "Fimbria: the server cannot be started: No module named 'pygls'" in message
    assert "Check the Installation" in message
    window.screenshot("broken-server")
    write_program(home.program, running_stub(stub))


def test_a_server_that_is_replaced_while_it_is_down_is_started_again(
    window: Window, stub: Stub, home: Home
) -> None:
    """As an upgrade does it."""
    tried = home.folder / "tried"
    write_program(home.program, f"touch {tried}; exit 1")
    (started,) = stub.seen("started")
    os.kill(int(started.split()[1]), signal.SIGKILL)
    window.until(tried.exists, "a start that fails")
    home.program.unlink()
    window.wait_for_status("started again")
    assert not window.messages()
    write_program(home.program, running_stub(stub))
    window.until(lambda: len(stub.seen("started")) == 2, "the new server")
    window.wait_for_status("ready")


def test_a_server_that_hangs_is_replaced(window: Window, stub: Stub, home: Home) -> None:
    began = home.folder / "began"
    write_program(home.program, f"touch {began}; exec sleep 1000")
    restart(window)
    window.until(began.exists, "the server that hangs")
    window.wait_for_status("starting")
    other = home.folder / "elsewhere" / "fimbria"
    write_program(other, running_stub(stub))
    stub.forget()
    window.set("fimbria.server.command", str(other))  # one text, where a list is meant
    window.until(lambda: stub.seen("started"), "the other server")
    window.wait_for_status("ready")
    write_program(home.program, running_stub(stub))
    stub.forget()
    window.set("fimbria.server.command", [])
    window.until(lambda: stub.seen("started"), "the server on PATH")


def test_a_server_that_is_not_there_is_installed_by_a_command_that_is_shown(
    window: Window, stub: Stub, home: Home
) -> None:
    installed = home.folder / ".local" / "bin" / "fimbria"
    installed.parent.mkdir(parents=True)
    home.program.rename(home.folder / "wheel")
    uv = home.program.with_name("uv")
    write_program(uv, f'test "$*" = "tool install fimbria" && mv {home.folder}/wheel {installed}')
    restart(window)
    window.wait_for_status("not installed")
    stub.forget()
    window.call("click", '.notification-toast .monaco-button:has-text("Install")')
    window.call("waitFor", f'.quick-input-list .focused:has-text("{uv} tool install fimbria")')
    window.screenshot("install-command")
    window.press("Enter")
    window.until(lambda: stub.seen("started"), "the server that was installed")
    window.wait_for_status("ready")
    installed.rename(home.program)


def test_a_key_asks_for_an_instruction(window: Window) -> None:
    window.call("click", ".monaco-editor .view-lines")
    window.press("Control+k")
    window.press("Alt+e")
    window.call("waitFor", '.quick-input-widget:has-text("Edit with instruction")')
    window.press("Escape")


def test_after_a_choice_from_the_menu_the_keys_go_to_the_editor(window: Window) -> None:
    window.call("click", ".monaco-editor .view-lines")
    window.press("Control+End")
    window.call("click", '.statusbar-item[id*="fimbria.status"] a')
    window.call("waitFor", '.quick-input-list .focused:has-text("Switch ghost text off")')
    window.press("Enter")
    window.wait_for_status("paused: ghost text is switched off")
    window.type(" typed")
    window.until(lambda: any(line.endswith(" typed") for line in window.lines()), "the keys")
    window.run_command("Fimbria: Switch Ghost Text On or Off")
    window.wait_for_status("ready")


def test_a_command_that_ends_at_once_is_told_with_its_setting(window: Window, stub: Stub) -> None:
    window.set("fimbria.server.command", ["/bin/false"])
    (message,) = window.until(window.messages, "a message")
    named = "/bin/false, which the setting fimbria.server.command names"
    assert f"the server cannot be started: {named}, ended with status 1" in message
    assert "Open the Setting" in message
    stub.forget()
    window.set("fimbria.server.command", None)
    window.until(lambda: stub.seen("started"), "the server on PATH")


def test_a_command_that_is_none_is_told_with_an_example(window: Window, stub: Stub) -> None:
    window.set("fimbria.server.command", [7])
    (message,) = window.until(window.messages, "a message")
    assert 'such as ["/opt/fimbria/bin/fimbria"]' in message
    stub.forget()
    window.set("fimbria.server.command", None)
    window.until(lambda: stub.seen("started"), "the server on PATH")


def test_settings_that_change_while_the_server_starts_reach_it(window: Window, stub: Stub) -> None:
    stub.hold("hold-start")
    restart(window)
    window.wait_for_status("starting")
    window.set("fimbria.maxTokens", 23)
    window.set("editor.lineNumbers", "off")
    window.until(lambda: not window.call("count", ".line-numbers"), "the editor's new settings")
    stub.release("hold-start")
    window.until(lambda: any("23" in line for line in stub.seen("settings")), "the setting")


def test_a_switch_is_turned_where_it_is_set(window: Window) -> None:
    settings = window.folder / ".vscode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"fimbria.enabled": False}), encoding="utf-8")
    window.wait_for_status("paused: ghost text is switched off")
    window.run_command("Fimbria: Switch Ghost Text On or Off")
    window.wait_for_status("ready")
    assert json.loads(settings.read_text(encoding="utf-8")) == {"fimbria.enabled": True}
    settings.unlink()


def test_the_check_in_an_empty_window_is_of_the_model_that_is_set(
    window: Window, stub: Stub, home: Home
) -> None:
    window.set("fimbria.model", "/models/broken")
    with another_window(vscode_tools(), window, window.folder) as empty:
        empty.begin("ew=true")
        empty.wait_for_status("ready")
        empty.run_command("Fimbria: Check the Installation")
        asked = f"ran doctor with /models/broken in {home.folder}"
        empty.until(lambda: asked in stub.seen("ran doctor"), "the check in a terminal")
        empty.call("waitFor", ".terminal-wrapper")
        empty.screenshot("empty-window")
    window.set("fimbria.model", "starter")


def test_an_untrusted_workspace_runs_nothing_of_its_own(tmp_path: Path) -> None:
    """Until it is trusted: then its own server is found."""
    own = new_stub(tmp_path)
    home = new_home(tmp_path)
    settings = {"fimbria.server.command": REAL_SERVER}
    folder = tmp_path / "vscode"
    folder.mkdir()
    with running(vscode_tools(), folder, settings, home.environment, trusts=False) as window:
        was_run = tmp_path / "was-run"
        decoy = window.folder / "lsp_server"
        decoy.mkdir()
        (decoy / "__init__.py").touch()
        (decoy / "__main__.py").write_text(f"open({str(was_run)!r}, 'w')", encoding="utf-8")
        write_program(window.folder / ".venv" / "bin" / "fimbria", running_stub(own))
        window.begin(window.place())
        window.wait_for_status("ready")
        assert not was_run.exists()
        window.set("fimbria.server.command", [])
        window.wait_for_status("not installed")
        window.until(window.messages, "the offer")
        window.run_command("Fimbria: Restart Server")
        window.wait_for_status("not installed")
        (message,) = window.until(window.messages, "one offer")
        assert "not trusted, so its own virtual environment was not looked into" in message
        assert not own.seen("started")
        window.screenshot("untrusted")
        window.call("click", '.notification-toast .monaco-button:has-text("Manage")')
        window.call("click", '.workspace-trust-editor .monaco-button:has-text("Trust")')
        window.until(lambda: own.seen("started"), "the server of .venv")
        window.wait_for_status("ready")
