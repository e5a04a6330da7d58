"""The whole path: a real Neovim, the real server, the daemon and the starter model."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.neovim_driver import Editor, running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

SERVER = [sys.executable, "-m", "lsp_server"]
CODE = "import os\n\n\ndef file_size(path):\n    return os.path.getsize(\n"
END_OF_CODE = "<Esc>5GA"


@pytest.fixture(scope="module")
def daemon_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment with a daemon of its own, which ends with the module's tests."""
    # A socket's path has room for about a hundred bytes.
    environment = {"FIMBRIA_RUNTIME_DIR": str(tmp_path_factory.mktemp("r"))}
    yield {**environment, "FIMBRIA_DEVICE": "cpu", "FIMBRIA_MAX_TOKENS": "24"}
    subprocess.run(
        [*SERVER, "stop"], env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL
    )


@pytest.fixture
def editor(
    neovim_program: Path, tmp_path: Path, daemon_environment: dict[str, str]
) -> Iterator[Editor]:
    environment = {**daemon_environment, "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log")}
    with running(neovim_program, tmp_path, server=SERVER, environment=environment) as editor:
        yield editor


def write_code(folder: Path, text: str = CODE, name: str = "code.py") -> Path:
    path = folder / name
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
    editor.keys(END_OF_CODE)
    wait_for_any_ghost(editor)
    accept(editor)
    ast.parse("\n".join(editor.lines()))
