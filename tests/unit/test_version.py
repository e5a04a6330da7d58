from __future__ import annotations

import tomllib
from pathlib import Path

import lsp_server


def test_the_server_tells_the_version_of_the_distribution() -> None:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    assert lsp_server.__version__ == tomllib.loads(project.read_text())["project"]["version"]
