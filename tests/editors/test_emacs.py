"""Emacs with eglot, which knows no ghost text: the suggestion is what completes at point.

Skipped where no Emacs can be had, also in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.editors import transcripts
from tests.editors.get_neovim import NoNeovimError, cache_folder, fetch

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

SERVER = [sys.executable, "-m", "lsp_server", "lsp"]
Emacs = tuple[list[str], dict[str, str]]
"""The command of an Emacs with eglot (29 or newer), and the environment that it needs."""
SCRIPT = Path(__file__).with_name("eglot.el")


@pytest.fixture(scope="session")
def emacs() -> Emacs:
    """An Emacs: that on PATH, else one that is fetched into the cache."""
    installed = shutil.which("emacs")
    if installed and has_eglot([installed], {}):
        return [installed], {}
    home = cache_folder() / "emacs"
    if not home.exists():
        try:
            fetch(home, "emacs-nox", "usr/bin/emacs-nox")
        except NoNeovimError as failure:
            pytest.skip(str(failure))
    command, environment = unpacked(home)
    if not has_eglot(command, environment):
        pytest.skip("the fetched Emacs does not run here")
    return command, environment


def unpacked(home: Path) -> Emacs:
    """How to run an Emacs that lies in a folder and not where it was built for."""
    dump = next((home / "usr" / "libexec").glob("emacs/*/*/*.pdmp"))
    version = dump.parent.parent.name
    share = home / "usr" / "share" / "emacs" / version
    lisp = [share / "lisp", *(p for p in (share / "lisp").rglob("*") if p.is_dir())]
    environment = {
        "EMACSLOADPATH": os.pathsep.join(
            str(p) for p in lisp if p.name not in ("obsolete", "term")
        ),
        "EMACSDATA": str(share / "etc"),
        "EMACSDOC": str(share / "etc"),
        "EMACSPATH": str(dump.parent),
    }
    return [str(home / "usr" / "bin" / "emacs-nox"), f"--dump-file={dump}"], environment


def has_eglot(command: list[str], environment: dict[str, str]) -> bool:
    done = subprocess.run(
        [*command, "-Q", "--batch", "--eval", "(require 'eglot)"],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode == 0


def complete_at_point(
    emacs: Emacs, home: Path, server: Sequence[str], before: str, variables: Mapping[str, str]
) -> tuple[str, str]:
    """Type `.getL` after `logger = logging` in a file that begins with `before`, complete at point
    and save; returns the file's text and what Emacs has said.
    """
    (home / "project" / ".git").mkdir(parents=True)
    file = home / "project" / "code.py"
    file.write_text(f"{before}\n\nlogger = logging\n", encoding="utf-8")
    command, environment = emacs
    done = subprocess.run(
        [*command, "-Q", "--batch", "-l", str(SCRIPT), str(file), ".getL", *server],
        env={**os.environ, **environment, **variables, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return file.read_text(encoding="utf-8"), done.stderr


@pytest.mark.parametrize("before", ["import logging", "import logging\n# 😋 ö"])
def test_completion_at_point_takes_the_suggestion(
    emacs: Emacs, daemon_of_its_own: dict[str, str], before: str, tmp_path: Path
) -> None:
    saved, said = complete_at_point(emacs, tmp_path, SERVER, before, daemon_of_its_own)
    assert saved == f"{before}\n\nlogger = logging.{transcripts.ANSWER}\n", said


def test_what_is_said_meanwhile(emacs: Emacs, tmp_path: Path, update_golden: bool) -> None:
    """Recorded for the fast tests, tests/lsp/test_editor_transcripts.py."""
    if not update_golden:
        pytest.skip("only recorded with --update-golden")
    transcript = tmp_path / "transcript"
    complete_at_point(emacs, tmp_path, transcripts.recording(transcript), "import logging", {})
    transcripts.keep("emacs", transcript)
