"""A short use of VS Code, recorded for the fast tests, tests/lsp/test_editor_transcripts.py."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.editors import transcripts
from tests.editors.vscode_fixtures import workbench

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def test_what_is_said_meanwhile(tmp_path: Path, update_golden: bool) -> None:
    if not update_golden:
        pytest.skip("only recorded with --update-golden")
    transcript = tmp_path / "transcript"
    with workbench(tmp_path, [str(only_a_server(tmp_path, transcript))]) as window:
        file = window.open("code.py", transcripts.CODE.rstrip())
        window.wait_for_status("ready")
        window.type(".")
        window.until(lambda: window.ghost() == transcripts.ANSWER, "the suggestion")
        window.type("g")
        window.until(lambda: window.ghost() == transcripts.ANSWER[1:], "the suggestion's rest")
        window.press("Tab")
        window.wait_for_line(transcripts.SAVED.splitlines()[-1])
        window.until(lambda: "suggestionAccepted" in transcript.read_text(), "the item's command")
        assert window.saved(file) == transcripts.SAVED.rstrip()
    transcripts.keep("vscode", transcript)


def only_a_server(folder: Path, transcript: Path) -> Path:
    """A `fimbria` command that knows no subcommand but lsp."""
    program = folder / "fimbria"
    server = shlex.join(transcripts.recording(transcript))
    program.write_text(f'#!/bin/sh\n[ "$1" = lsp ] && exec {server}\nexit 1\n', encoding="utf-8")
    program.chmod(0o755)
    return program
