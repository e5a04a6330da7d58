"""The server as an editor starts it: a process on standard input and output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lsp.client import DEADLINE_S, encode, in_subprocess, play

HURRIED = (
    "import sys; from lsp_server import server\n"
    "from lsp_server.runtime_link import RuntimeLink\n"
    "import asyncio\n"
    "async def close(link):\n"
    "    for _ in range(99): await asyncio.sleep(0)\n"
    "RuntimeLink.close = close\n"
    "sys.exit(server.run({'warm_up': False}))\n"
)
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


def test_an_editor_that_does_not_wait_for_the_answer_to_shutdown(tmp_path: Path) -> None:
    log = tmp_path / "lsp.log"
    environment = {"FIMBRIA_RUNTIME_DIR": str(tmp_path), "FIMBRIA_LOG_FILE": str(log)}

    async def scenario() -> None:
        async with in_subprocess(sys.executable, "-c", HURRIED, environment=environment) as client:
            await client.start()
            client.finished = True
            shutdown = client.asking("shutdown")
            client.send(shutdown, {"method": "exit"})
            await client.result(shutdown["id"])

    play(scenario())
    assert log.read_text() == ""


def test_an_editor_that_reads_nothing_any_more(tmp_path: Path) -> None:
    log = tmp_path / "lsp.log"
    environment = {"FIMBRIA_RUNTIME_DIR": str(tmp_path), "FIMBRIA_LOG_FILE": str(log)}
    command = [sys.executable, "-m", "lsp_server", "lsp"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdout.close()
        initialize = {"id": 1, "method": "initialize", "params": {"capabilities": {}}}
        server.stdin.write(encode(initialize) + encode({"id": 2, "method": "shutdown"}))
        server.stdin.write(encode({"method": "exit"}))
        _, errors = server.communicate(timeout=DEADLINE_S)
    assert server.returncode == 0
    assert errors == b""
    assert "Traceback" not in log.read_text()
    assert "The editor is gone" in log.read_text()
