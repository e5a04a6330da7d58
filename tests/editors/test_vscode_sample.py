"""The first steps' sample, which a newcomer accepts the starter's suggestion in."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from lsp_server.positions import PositionEncoding
from model_runtime.client import DaemonSpec, stop_daemon
from tests.lsp.client import in_subprocess, play
from tests.lsp.sessions import CURSOR, apply_item

SOURCE = Path(__file__).parents[2] / "editors" / "vscode" / "src" / "core" / "firstTry.ts"


def constant(name: str) -> str:
    """Return a text of the extension's source; JSON and TypeScript write these alike."""
    found = re.search(rf'{name} = (".*");', SOURCE.read_text(encoding="utf-8"))
    assert found
    return str(json.loads(found[1]))


def test_the_starter_goes_on_with_it_unasked_and_rightly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    runtime_dir = str(tmp_path_factory.mktemp("r"))
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", runtime_dir)
    environment = {
        "FIMBRIA_RUNTIME_DIR": runtime_dir,
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_DEVICE": "cpu",
    }
    text = constant("TEXT") + constant("KEY")
    line, character = text.count("\n"), len(text) - text.rfind("\n") - 1

    accepted: list[str] = []

    async def scenario() -> None:
        try:
            async with in_subprocess(environment=environment) as client:
                await client.start()
                client.open(text)
                (item,) = (await client.result(client.complete(line, character)))["items"]
                accepted.append(apply_item(text, item, PositionEncoding.UTF16).replace(CURSOR, ""))
        finally:
            await stop_daemon(DaemonSpec(device="cpu"))

    play(scenario())
    (module,) = map(ast.parse, accepted)
    assert ast.unparse(module.body[-1]) == "logger = logging.getLogger(__name__)"
