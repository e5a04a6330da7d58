"""The editors that these tests drive, and what to do where there are none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.get_neovim import NoNeovimError, neovim
from tests.editors.neovim_driver import STUB_SERVER, Editor, running
from tests.editors.neovim_program import Program


def editors_are_required() -> bool:
    """Tell whether a missing editor is a failure: if FIMBRIA_REQUIRE_EDITORS says so, or in CI."""
    wish = os.environ.get("FIMBRIA_REQUIRE_EDITORS")
    if wish is None:
        return os.environ.get("CI") == "true"
    return wish not in ("", "0")


@pytest.fixture(scope="session")
def neovim_program() -> Path:
    """A Neovim that is new enough; fetched into the cache on first use."""
    try:
        return neovim()
    except NoNeovimError as failure:
        if editors_are_required():
            pytest.fail(str(failure), pytrace=False)
        pytest.skip(str(failure))


@pytest.fixture(scope="module")
def shared_editor(
    neovim_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Editor]:
    """One Neovim with the scripted server for all tests of a module, wide enough for messages."""
    home = tmp_path_factory.mktemp("neovim")
    with running(neovim_program, home, server=STUB_SERVER, size=(250, 16)) as editor:
        yield editor


@pytest.fixture
def editor(shared_editor: Editor, tmp_path: Path) -> Iterator[Editor]:
    """The shared Neovim on an empty Python file, with an empty script."""
    shared_editor.open(tmp_path / "code.py")
    shared_editor.script()
    yield shared_editor
    shared_editor.keys("<Esc>")
    shared_editor.command("silent! bwipeout! | messages clear")


@pytest.fixture
def daemon_of_its_own(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a daemon that is ready, and ends with the test."""
    environment = {
        "FIMBRIA_RUNTIME_DIR": str(tmp_path / "r"),
        "FIMBRIA_DEVICE": "cpu",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
    }
    run_fimbria(environment, "serve", "--background")
    yield environment
    run_fimbria(environment, "stop", "--all")


def run_fimbria(environment: dict[str, str], *arguments: str) -> None:
    """Run a command of `fimbria` to its end."""
    subprocess.run(
        [sys.executable, "-m", "lsp_server", *arguments],
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A `fimbria` that does what a test says."""
    return Program(tmp_path / "fimbria")
