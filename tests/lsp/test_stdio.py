"""The server as an editor starts it: a process on standard input and output."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.lsp.client import in_subprocess, play

NOISY = (
    "import os, sys, warnings\n"
    "from lsp_server import server\n"
    "from lsp_server.features import did_open\n"
    "def handle(ls, params):\n"
    "    print('printed'); os.system('echo echoed'); sys.stdout.flush()\n"
    "did_open.handle = handle\n"
    "sys.exit(server.run({'model': '/no/such/model'}))\n"
)


def test_a_missing_model_and_a_noisy_library(tmp_path: Path) -> None:
    environment = {
        "FIMBRIA_RUNTIME_DIR": str(tmp_path / "run"),
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_MAX_TOKENS": "lots",
    }

    async def scenario() -> None:
        async with in_subprocess(sys.executable, "-c", NOISY, environment=environment) as client:
            await client.start()
            settings = (await client.take("window/showMessage"))["params"]["message"]
            assert "environment" in settings
            assert "max_tokens" in settings
            trouble = (await client.take("window/showMessage"))["params"]["message"]
            assert "/no/such/model" in trouble
            client.open("a secret")
            assert await client.result(client.complete(0, 1)) == {"items": []}
            while client.unread:
                await client.take("window/logMessage")

    play(scenario())
    log = (tmp_path / "lsp.log").read_text()
    assert "/no/such/model" in log
    assert "secret" not in log


def test_the_editor_says_where_and_what_to_log(tmp_path: Path) -> None:
    environment = {"FIMBRIA_RUNTIME_DIR": str(tmp_path), "FIMBRIA_LOG_FILE": str(tmp_path / "1")}
    chosen = {"logFile": str(tmp_path / "2"), "logLevel": "debug", "warmUp": False}
    later = {"logFile": str(tmp_path / "3"), "logLevel": "info"}

    senseless = {"method": "textDocument/didChange", "params": {"contentChanges": "secret"}}

    async def scenario() -> None:
        async with in_subprocess(environment=environment) as client:
            await client.start(options={"fimbria": chosen})
            settings = {"fimbria": later}
            client.notify("workspace/didChangeConfiguration", {"settings": settings})
            client.send(senseless)
            await client.take("window/logMessage")

    play(scenario())
    first, second, third = ((tmp_path / name).read_text() for name in "123")
    assert first == ""
    assert "DEBUG" in second
    assert "Ignored textDocument/didChange" in third
    assert "DEBUG" not in third
    assert "secret" not in third
