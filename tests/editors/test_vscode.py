"""VS Code as a person uses it: the packaged extension with the real server, daemon and model."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_runtime.client import running_daemons
from tests.editors.vscode_driver import Window, another_window
from tests.editors.vscode_fixtures import vscode_tools, workbench

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

SERVER = [sys.executable, "-m", "lsp_server"]
CODE = "import os\n\n\ndef file_size(path):\n"
TYPED = "    return os.path.getsize("


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "FIMBRIA_RUNTIME_DIR": str(tmp_path_factory.mktemp("r")),
        "FIMBRIA_LOG_FILE": str(tmp_path_factory.mktemp("log") / "lsp.log"),
        "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config")),
        "XDG_DATA_HOME": str(tmp_path_factory.mktemp("share")),
        "FIMBRIA_DEVICE": "cpu",
        "FIMBRIA_MAX_TOKENS": "24",
    }


@pytest.fixture(scope="module")
def window(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]
) -> Iterator[Window]:
    """A workbench with a daemon of its own, which ends with the module's tests."""
    with workbench(tmp_path_factory.mktemp("vscode"), SERVER, environment) as window:
        yield window
    subprocess.run(
        [*SERVER, "stop", "--all"],
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def test_ghost_text_is_accepted_and_saved(window: Window) -> None:
    path = window.open("size.py", CODE)
    window.wait_for_status("ready")
    window.type(TYPED)
    ghost = window.wait_for_ghost()
    window.screenshot("ghost")
    window.press("Tab")
    window.wait_for_line(f"{TYPED}{ghost})")
    window.screenshot("accepted")
    saved = window.saved(path)
    assert saved == f"{CODE}{TYPED}{ghost})"
    ast.parse(saved)


def test_a_dos_file_with_an_emoji_before_the_cursor(window: Window) -> None:
    code = CODE.replace("\n", "\r\n")
    path = window.open("dos.py", code)
    typed = '    raise ValueError("😀", '
    window.type(typed)
    ghost = window.wait_for_ghost()
    window.press("Tab")
    window.wait_for_line(f"{typed}{ghost})")
    assert window.saved(path) == f"{code}{typed}{ghost})"


def test_ghost_text_comes_back_after_the_daemon_was_killed(
    window: Window, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", environment["FIMBRIA_RUNTIME_DIR"])
    window.open("killed.py", CODE)
    window.type(TYPED)
    ghost = window.wait_for_ghost()
    (daemon,) = running_daemons()
    os.kill(daemon.pid, signal.SIGKILL)
    window.until(lambda: not running_daemons(), "the daemon's end")
    window.press("Tab")
    window.press("End")
    window.press("Enter")
    window.type(TYPED.strip())
    assert window.wait_for_ghost() == ghost
    assert [running.pid for running in running_daemons()] != [daemon.pid]


def test_two_windows_share_one_model(
    window: Window, environment: dict[str, str], tmp_path: Path
) -> None:
    window.open("one.py", CODE)
    window.wait_for_status("ready")
    window.type(TYPED)
    ghost = window.wait_for_ghost()
    with another_window(vscode_tools(), window, tmp_path) as second:
        second.open("two.py", CODE)
        second.wait_for_status("ready")
        second.type(TYPED)
        assert second.wait_for_ghost() == ghost
        assert window.ghost() == ghost
        (daemon,) = daemons(environment)
    assert daemon["model"] == "starter"


def daemons(environment: dict[str, str]) -> list[dict[str, object]]:
    """Return the model processes, as `fimbria status` tells them to a program."""
    found = subprocess.run(
        [*SERVER, "status", "--json"],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    told: list[dict[str, object]] = json.loads(found.stdout)["daemons"]
    return told


def test_the_first_steps_end_with_an_accepted_suggestion(window: Window) -> None:
    window.open("steps.py", CODE)
    window.wait_for_status("ready")
    window.type(TYPED)
    window.wait_for_ghost()
    window.press("Tab")
    window.run_command("Fimbria: Show First Steps")
    done = ".codicon-getting-started-step-checked.complete"
    window.until(lambda: window.call("count", done) == 3, "three steps done")
    window.screenshot("first-steps")


def test_a_notebooks_cell(window: Window) -> None:
    sources = [CODE + TYPED + "path)", "x = 1"]
    cells = [
        {"cell_type": "code", "source": [source], "metadata": {}, "outputs": []}
        for source in sources
    ]
    language = {"language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": language, "nbformat": 4, "nbformat_minor": 5}
    window.show("book.ipynb", json.dumps(notebook))
    window.call("click", ".notebookOverlay .monaco-editor .view-lines >> nth=1")
    window.press("Control+End")
    window.press("Enter")
    window.type("size = os.path.getsize(")
    assert window.wait_for_ghost()
    window.screenshot("notebook")


def test_the_status_tells_model_and_device(window: Window) -> None:
    window.open("status.py", CODE)
    window.call("click", '.statusbar-item[id*="fimbria.status"] a')
    window.until(
        lambda: any(
            "Model: starter · Device: cpu" in text
            for text in window.call("placeholders", ".quick-input-widget input")
        ),
        "model and device in the menu",
    )
    window.screenshot("menu")
    window.press("Escape")
