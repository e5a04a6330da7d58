"""What was opened elsewhere is completed here: this server, a daemon, the starter model."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.cli.summary import RequestSummary, summary_of
from model_runtime.api import Priority
from model_runtime.client import DaemonSpec, daemon_status, running_daemons, stop_daemon
from tests.lsp.client import changing, in_subprocess, play

ELSEWHERE = "def reconcile_ledgers(opening_balance, closing_balance):\n    return None\n"
HERE = "from orders import reconcile_ledgers\n\nresult = reconcile_ledgers(\n"
SPEC = DaemonSpec(device="cpu")


@pytest.fixture(autouse=True)
def runtime_dir(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Short, because a socket's path has room for about a hundred bytes."""
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path_factory.mktemp("r")))


def test_names_of_another_file_are_completed_and_keys_stay_cheap(tmp_path: Path) -> None:
    here = (tmp_path / "main.py").as_uri()
    environment = {
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_DEVICE": "cpu",
        "FIMBRIA_GUESS_AHEAD": "false",
    }

    async def scenario() -> None:
        try:
            async with in_subprocess(environment=environment) as client:
                await client.start(root=tmp_path)
                client.open(ELSEWHERE, uri=(tmp_path / "orders.py").as_uri())
                client.open(HERE, uri=here)
                asked = client.complete(2, 27, uri=here)
                (item,) = (await client.result(asked))["items"]
                assert item["insertText"].startswith("opening_balance, closing_balance")
                client.send(changing("x", 2, 27, version=2, uri=here))
                await client.result(client.complete(2, 28, uri=here))
                await check_cache()
        finally:
            await stop_daemon(SPEC)

    play(scenario())


async def check_cache() -> None:
    """What the daemon tells of the two keys: the second one found its prompt in the cache."""
    (daemon,) = running_daemons()
    keys: list[RequestSummary] = []
    while len(keys) < 2:  # the answer to a key may be here before it is counted there
        requests = summary_of(daemon, await daemon_status(daemon)).engine.recent
        keys = [each for each in requests if each.priority == Priority.COMPLETION]
    second = keys[-1]
    assert second.prompt_tokens - second.cached_tokens <= 4 < second.cached_tokens
