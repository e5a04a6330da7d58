"""A short use of Neovim, recorded for the fast tests, tests/lsp/test_editor_transcripts.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors import transcripts
from tests.editors.neovim_driver import running, until

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]


def test_what_is_said_meanwhile(neovim_program: Path, tmp_path: Path, update_golden: bool) -> None:
    if not update_golden:
        pytest.skip("only recorded with --update-golden")
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    file = project / "code.py"
    file.write_text(transcripts.CODE, encoding="utf-8")
    transcript = tmp_path / "transcript"
    server = transcripts.recording(transcript)
    with running(neovim_program, tmp_path, server=server) as editor:
        editor.open(file)
        editor.keys("GA.")
        editor.wait_for_ghost(transcripts.ANSWER)
        editor.keys("g")
        editor.wait_for_ghost(transcripts.ANSWER[1:])
        editor.keys("<Tab>")
        editor.wait_for_lines(*transcripts.SAVED.splitlines())
        until(lambda: "suggestionAccepted" in transcript.read_text(), "the item's command")
        editor.keys("<Esc>:w<CR>")
        until(lambda: file.read_text(encoding="utf-8") == transcripts.SAVED, "the saved file")
    transcripts.keep("neovim", transcript)
