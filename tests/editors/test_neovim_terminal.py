"""Neovim in a terminal, as most people have it: its own screen, the real server, the starter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.editors import terminal
from tests.editors.neovim_driver import PLUGIN, isolation, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

SERVER = [sys.executable, "-m", "lsp_server"]
CODE = "import os\n\n\ndef file_size(path):\n    return os.path.getsize(\n"


def test_ghost_text_is_accepted_and_saved(
    neovim_program: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    file = project / "code.py"
    file.write_text(CODE, encoding="utf-8")
    init = tmp_path / "init.lua"
    names = ", ".join(f"'{part}'" for part in SERVER)
    init.write_text(
        f"vim.g.fimbria = {{ cmd = {{ {names} }} }}\nvim.g.loaded_python3_provider = 0\n"
    )
    # A socket's path has room for about a hundred bytes.
    environment = {
        **isolation(tmp_path),
        "FIMBRIA_RUNTIME_DIR": str(tmp_path_factory.mktemp("r")),
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_DEVICE": "cpu",
        "TERM": "xterm-256color",
    }
    command = [str(neovim_program), "--clean", "-n", "-u", str(init)]
    command += ["--cmd", f"set runtimepath^={PLUGIN}", "code.py"]
    try:
        with terminal.running(command, project, environment) as window:
            window.wait_for("os.path.getsize(")
            window.type("GA")
            until(lambda: line_of(window).removeprefix("return os.path.getsize("), "ghost text")
            drawn = line_of(window)
            assert file.read_text(encoding="utf-8") == CODE
            window.keys("Tab", "Escape")
            window.type(":wq")
            window.keys("Enter")
            until(lambda: file.read_text(encoding="utf-8") != CODE, "the saved file")
            assert file.read_text(encoding="utf-8").splitlines()[4].strip() == drawn
    finally:
        stop = [*SERVER, "stop", "--all"]
        subprocess.run(stop, env={**os.environ, **environment}, check=True, capture_output=True)


def line_of(window: terminal.Terminal) -> str:
    """The line that is typed in, as it is drawn."""
    rows = [row.strip() for row in window.screen().splitlines()]
    return next((row for row in rows if row.startswith("return")), "")
