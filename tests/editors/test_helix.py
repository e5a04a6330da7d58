"""Helix, which knows no ghost text: suggestions come in its completion menu.

Skipped where no Helix can be had, also in CI.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.editors import terminal, transcripts
from tests.editors.get_neovim import NoNeovimError, cache_folder, fetch
from tests.editors.neovim_driver import until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

LANGUAGES = """
[language-server.fimbria]
command = {program}
args = {arguments}

[[language]]
name = "python"
language-servers = ["fimbria"]
"""
SERVER = [sys.executable, "-m", "lsp_server", "lsp"]


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


def environment(helix: Path, home: Path, server: list[str]) -> dict[str, str]:
    """Helix' settings, with a server that is started by this command."""
    settings = home / "config" / "helix"
    settings.mkdir(parents=True)
    program, *arguments = map(json.dumps, server)
    languages = LANGUAGES.format(program=program, arguments=f"[{', '.join(arguments)}]")
    (settings / "languages.toml").write_text(languages, encoding="utf-8")
    return {
        "XDG_CONFIG_HOME": str(settings.parent),
        "HELIX_RUNTIME": str(helix.with_name("runtime")),
        "TERM": "xterm-256color",
    }


def accept_and_save(helix: Path, home: Path, variables: dict[str, str], log: Path) -> None:
    """Type, take the suggestion from the menu, save and leave. log: where the server tells that the
    file is open there, before which Helix asks for nothing, and what it suggests.
    """
    project = home / "project"
    (project / ".git").mkdir(parents=True)
    file = project / "code.py"
    file.write_text(transcripts.CODE, encoding="utf-8")
    with terminal.running([str(helix), str(file)], project, variables) as editor:
        editor.wait_for("logger = logging", "NOR")
        until(lambda: log.exists() and "didOpen" in log.read_text(), "the file open in the server")
        editor.keys("g", "e", "A")
        editor.wait_for("INS")
        editor.type(".")
        until(lambda: transcripts.ANSWER in log.read_text(), "the suggestion sent")
        editor.type("g")
        editor.wait_for(f"{transcripts.ANSWER} snippet")
        editor.keys("Tab", "Enter", "Escape")
        editor.wait_for("NOR", f"logger = logging.{transcripts.ANSWER}")
        editor.type(":wq")
        editor.keys("Enter")
        until(lambda: text_of(file) == transcripts.SAVED, "the saved file")


def text_of(file: Path) -> str:
    """What a file holds; nothing while Helix, which saves in a new file, has put it aside."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def test_a_suggestion_from_the_menu_is_saved(
    helix: Path, daemon_of_its_own: dict[str, str], tmp_path: Path
) -> None:
    variables = environment(helix, tmp_path, SERVER)
    debug = {"FIMBRIA_LOG_LEVEL": "debug"}
    accept_and_save(
        helix, tmp_path, {**daemon_of_its_own, **variables, **debug}, tmp_path / "lsp.log"
    )


def test_what_is_said_meanwhile(helix: Path, tmp_path: Path, update_golden: bool) -> None:
    """Recorded for the fast tests, tests/lsp/test_editor_transcripts.py."""
    if not update_golden:
        pytest.skip("only recorded with --update-golden")
    transcript = tmp_path / "transcript"
    variables = environment(helix, tmp_path, transcripts.recording(transcript))
    accept_and_save(helix, tmp_path, variables, transcript)
    transcripts.keep("helix", transcript)
