"""A model that the settings only name: the editor shows its download, then ghost text comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from model_runtime.client import DaemonSpec, stop_daemon
from tests.lsp.client import LspClient, in_subprocess, play
from tests.runtime.fake_hub import FakeHub, model_files, serving

NAME = "somebody/coder-of-this-test"
TEXT = "import os\n\n\ndef file_size(path):\n    return os.path.getsize(\n"
SHOWS_PROGRESS = {"window": {"workDoneProgress": True}}


@pytest.fixture
def hub(
    starter_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[FakeHub]:
    # Short, because a socket's path has room for about a hundred bytes.
    folder = tmp_path_factory.mktemp("r")
    released = threading.Event()
    with serving(FakeHub(NAME, model_files(starter_folder), weights_wait_for=released)) as running:
        for name, value in {
            "FIMBRIA_RUNTIME_DIR": str(folder),
            "FIMBRIA_LOG_FILE": str(folder / "lsp.log"),
            "FIMBRIA_MODEL": NAME,
            "FIMBRIA_DEVICE": "cpu",
            "HF_HUB_CACHE": str(folder / "hub"),
            "HF_HOME": str(folder / "home"),
            "HF_HUB_OFFLINE": "0",
            "HF_ENDPOINT": running.url,
        }.items():
            monkeypatch.setenv(name, value)
        yield running
        released.set()


async def shown_until_the_end(client: LspClient) -> list[str]:
    """Messages of the progress display that is open."""
    messages: list[str] = []
    while (value := (await client.take("$/progress"))["params"]["value"])["kind"] != "end":
        messages.append(value["message"])
    return messages


def test_the_download_is_shown_and_ends_in_ghost_text(hub: FakeHub) -> None:
    async def scenario() -> None:
        async with in_subprocess() as client:
            await client.start(capabilities=SHOWS_PROGRESS)
            client.open(TEXT)
            request = client.complete(4, 27)
            create = await client.take("window/workDoneProgress/create")
            client.send({"id": create["id"], "result": None})
            begin = (await client.take("$/progress"))["params"]["value"]
            assert begin["message"].startswith(f"downloading {NAME}, 0.0 of ")
            assert hub.weights_wait_for is not None
            hub.weights_wait_for.set()
            messages = await shown_until_the_end(client)
            assert any("loading" in message for message in messages)
            assert len((await client.result(request))["items"]) == 1
        await stop_daemon(DaemonSpec(model=NAME, device="cpu"))

    play(scenario())


def test_an_editor_that_is_closed_meanwhile_leaves_no_download_behind(hub: FakeHub) -> None:
    async def scenario() -> None:
        async with in_subprocess() as client:
            await client.start(capabilities=SHOWS_PROGRESS)
            await client.take("window/workDoneProgress/create")
        commands = [one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])]
        assert not [one for one in commands if "model_runtime.hub_process" in one and NAME in one]

    play(scenario())
