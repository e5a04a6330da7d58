"""From opening quotes to a docstring: this server, a daemon of its own, the starter model."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.positions import PositionEncoding
from tests.lsp.client import play
from tests.lsp.sessions import CURSOR, apply_item
from tests.lsp.test_real_model import editor
from tests.unit.docstring_checks import check_parameters, without_docstrings

TEXT = '''import os


def total_size(folder: str, *, follow_links: bool = False) -> int:
    """
    if not os.path.isdir(folder):
        raise NotADirectoryError(folder)
    return sum(entry.stat().st_size for entry in os.scandir(folder))
'''


@pytest.fixture(autouse=True)
def runtime_dir(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Short, because a socket's path has room for about a hundred bytes."""
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path_factory.mktemp("r")))


def test_a_docstring_from_the_starter_model(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with editor(tmp_path) as client:
            client.open(TEXT)
            (item,) = (await client.result(client.complete(4, 7)))["items"]
            accepted = apply_item(TEXT, item, PositionEncoding.UTF16).replace(CURSOR, "")
            assert without_docstrings(accepted) == without_docstrings(TEXT.replace('"""', "''"))
            check_parameters(accepted, "total_size", "google")
            assert "    Returns:\n        int: " in accepted
            assert "        NotADirectoryError: If " in accepted

    play(scenario())
