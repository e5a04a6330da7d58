"""Helix, which knows no ghost text: suggestions come in its completion menu.

Skipped where no Helix can be had, also in CI.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.editors import terminal
from tests.editors.get_neovim import NoNeovimError, cache_folder, fetch
from tests.editors.neovim_driver import until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

LANGUAGES = """
[language-server.fimbria]
command = {command}
args = ["-m", "lsp_server", "lsp"]

[[language]]
name = "python"
language-servers = ["fimbria"]
"""
CODE = "import logging\n\nlogger = logging\n"


@pytest.fixture(scope="session")
def helix() -> Path:
    """A Helix: that on PATH, else one that is fetched into the cache."""
    installed = shutil.which("hx")
    if installed:
        return Path(installed)
    home = cache_folder() / "helix"
    program = home / "usr" / "lib" / "hx" / "hx"
    if not program.exists():
        try:
            fetch(home, "hx", "usr/lib/hx/hx")
        except NoNeovimError as failure:
            pytest.skip(str(failure))
    return program


@pytest.fixture
def environment(tmp_path: Path, helix: Path, daemon_of_its_own: dict[str, str]) -> dict[str, str]:
    """Helix' settings, and a daemon that is ready: Helix gives a menu up when what it asked for
    takes long.
    """
    settings = tmp_path / "config" / "helix"
    settings.mkdir(parents=True)
    languages = LANGUAGES.format(command=json.dumps(sys.executable))
    (settings / "languages.toml").write_text(languages, encoding="utf-8")
    return {
        **daemon_of_its_own,
        "FIMBRIA_LOG_LEVEL": "debug",
        "XDG_CONFIG_HOME": str(settings.parent),
        "HELIX_RUNTIME": str(helix.with_name("runtime")),
        "TERM": "xterm-256color",
    }


def test_a_suggestion_from_the_menu_is_saved(
    helix: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    file = project / "code.py"
    file.write_text(CODE, encoding="utf-8")
    with terminal.running([str(helix), str(file)], tmp_path, environment) as editor:
        editor.wait_for("logger = logging", "NOR")
        log = tmp_path / "lsp.log"
        until(lambda: log.exists() and "didOpen" in log.read_text(), "the file open in the server")
        editor.keys("g", "e", "A")
        editor.wait_for("INS")
        editor.type(".g")
        editor.wait_for("getLogger(__name__) snippet")
        editor.keys("Tab", "Enter", "Escape")
        editor.wait_for("NOR", "logger = logging.getLogger(__name__)")
        editor.type(":wq")
        editor.keys("Enter")
        saved = "import logging\n\nlogger = logging.getLogger(__name__)\n"
        until(lambda: file.read_text(encoding="utf-8") == saved, "the saved file")
