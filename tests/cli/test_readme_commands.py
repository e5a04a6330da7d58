"""README's commands for other programs, run as they are printed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.daemon.conftest import private_runtime_dir


@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands call curl")
def test_other_programs_get_an_answer_by_the_commands_shown(tmp_path: Path) -> None:
    program = tmp_path / "fimbria"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lsp_server "$@"\n')
    program.chmod(0o700)
    with private_runtime_dir() as folder:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FIMBRIA_")}
        environment = inherited | {
            "FIMBRIA_RUNTIME_DIR": str(folder),
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
        }
        done = subprocess.run(
            ["/bin/sh", "-ec", _shown_commands()],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    *_, answer = done.stdout.splitlines()
    assert json.loads(answer)["choices"][0]["text"].strip()


def _shown_commands() -> str:
    """The section's commands, without the shell's prompts."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## From other programs\n")[2]
    block = section.partition("```console\n")[2].partition("```")[0]
    assert "curl" in block
    return re.sub(r"^\$ ", "", block, flags=re.MULTILINE)
