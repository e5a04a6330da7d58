"""From a key to ghost text: this server, a daemon of its own, the starter model."""

from __future__ import annotations

import ast
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lsp_server.positions import PositionEncoding
from model_runtime.client import DaemonSpec, running_daemons, stop_daemon
from tests.lsp.client import LspClient, changing, in_subprocess, play
from tests.lsp.sessions import CURSOR, apply_item

TEXT = "import os\n\n\ndef file_size(path):\n    return os.path.getsize(\n"


@asynccontextmanager
async def editor(tmp_path: Path) -> AsyncIterator[LspClient]:
    environment = {
        "FIMBRIA_RUNTIME_DIR": os.environ["FIMBRIA_RUNTIME_DIR"],
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_DEVICE": "cpu",
        "FIMBRIA_MAX_TOKENS": "24",
    }
    spec = DaemonSpec(device="cpu")
    try:
        async with in_subprocess(environment=environment) as client:
            await client.start()
            yield client
    finally:
        await stop_daemon(spec)


@pytest.fixture(autouse=True)
def runtime_dir(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Short, because a socket's path has room for about a hundred bytes."""
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path_factory.mktemp("r")))


def test_ghost_text_from_the_starter_model_survives_the_death_of_its_daemon(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with editor(tmp_path) as client:
            client.open(TEXT)
            (item,) = (await client.result(client.complete(4, 27)))["items"]
            accepted = apply_item(TEXT, item, PositionEncoding.UTF16)
            ast.parse(accepted.replace(CURSOR, ""))

            wish = client.completing(4, 27, automatic=False)
            client.send(wish)
            items = (await client.result(wish["id"]))["items"]
            assert items[0]["insertText"] == item["insertText"]
            assert 1 < len({each["insertText"] for each in items}) == len(items)

            kill_daemon()
            client.send(changing("p", 4, 27, version=2))
            assert len((await client.result(client.complete(4, 28)))["items"]) <= 1
            messages = [m for m in client.unread if m["method"] == "window/showMessage"]
            assert len(messages) <= 1
            for message in messages:
                client.unread.remove(message)
                await client.take("window/logMessage")
            result = await client.result(client.complete(4, 28))
            assert len(result["items"]) == 1

    play(scenario())


def kill_daemon() -> None:
    (daemon,) = running_daemons()
    os.kill(daemon.pid, signal.SIGKILL)


AGAIN = "first = load_file(path)\ntotal = add_item(total, prices, other=None)\n\n"
SURE = AGAIN * 6 + AGAIN[: AGAIN.index("tem")]
UNSURE = "  const result = first.map((each) => each.val"


def test_the_starter_speaks_unasked_where_it_was_trained_or_is_sure(tmp_path: Path) -> None:
    cases = [
        ("a.py", "python", SURE, True),
        ("a.js", "javascript", SURE, True),
        ("b.js", "javascript", UNSURE, False),
        ("a.md", "markdown", SURE, False),
    ]

    async def scenario() -> None:
        async with editor(tmp_path) as client:
            for name, language, text, speaks in cases:
                uri = (tmp_path / name).as_uri()
                client.open(text, uri, language=language)
                line, character = text.count("\n"), len(text.rpartition("\n")[2])
                for automatic in (True, False):
                    wish = client.completing(line, character, uri, automatic=automatic)
                    client.send(wish)
                    items = (await client.result(wish["id"]))["items"]
                    assert bool(items) == (speaks or not automatic), (name, items)

    play(scenario())
