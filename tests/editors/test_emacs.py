"""Emacs with eglot, which knows no ghost text: the suggestion is what completes at point.

Skipped where no Emacs can be had, also in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.editors.get_neovim import NoNeovimError, cache_folder, fetch

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).with_name("eglot.el")


@pytest.fixture(scope="session")
def emacs() -> tuple[list[str], dict[str, str]]:
    """The command of an Emacs with eglot (29 or newer), and the environment that it needs."""
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


def unpacked(home: Path) -> tuple[list[str], dict[str, str]]:
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


@pytest.mark.parametrize("before", ["import logging", "import logging\n# 😋 ö"])
def test_completion_at_point_takes_the_suggestion(
    emacs: tuple[list[str], dict[str, str]],
    daemon_of_its_own: dict[str, str],
    before: str,
    tmp_path: Path,
) -> None:
    (tmp_path / "project" / ".git").mkdir(parents=True)
    file = tmp_path / "project" / "code.py"
    file.write_text(f"{before}\n\nlogger = logging\n", encoding="utf-8")
    command, environment = emacs
    arguments = ["-Q", "--batch", "-l", str(SCRIPT), str(file), sys.executable, ".getL"]
    done = subprocess.run(
        [*command, *arguments],
        env={**os.environ, **environment, **daemon_of_its_own, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    saved = f"{before}\n\nlogger = logging.getLogger(__name__)\n"
    assert file.read_text(encoding="utf-8") == saved, done.stderr
