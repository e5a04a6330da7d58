"""The server that editors get in the ghost benchmark, and what it writes down."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ghost_keys import Kind
from benchmarks.ghost_server import recording, said
from model_runtime.client import DaemonSpec, stop_daemon
from tests.lsp.client import in_subprocess, play

TEXT = "import os\n\n\ndef file_size(path):\n    return os.path.getsize(\n"


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("r")
    return {
        "FIMBRIA_RUNTIME_DIR": str(folder),
        "FIMBRIA_LOG_FILE": str(folder / "lsp.log"),
        "FIMBRIA_DEVICE": "cpu",
    }


def test_texts_and_a_reasoned_nothing(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "record"
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", environment["FIMBRIA_RUNTIME_DIR"])

    async def scenario() -> None:
        command = [*recording(record), "lsp"]
        try:
            async with in_subprocess(*command, environment=environment) as client:
                await client.start()
                assert record.exists()
                client.open(TEXT)
                assert (await client.result(client.complete(4, 27)))["items"]
                assert (await client.result(client.complete(4, 14)))["items"] == []
        finally:
            await stop_daemon(DaemonSpec(device="cpu"))

    play(scenario())
    assert said(record) == {(4, 27): Kind.UNDRAWN, (4, 14): Kind.NOTHING}


def test_a_model_that_cannot_be_loaded_is_an_error(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    record = tmp_path / "record"
    broken = {**environment, "FIMBRIA_MODEL": str(tmp_path / "none"), "FIMBRIA_WARM_UP": "false"}

    async def scenario() -> None:
        async with in_subprocess(*recording(record), "lsp", environment=broken) as client:
            await client.start()
            client.open(TEXT)
            assert (await client.result(client.complete(4, 27)))["items"] == []
            await client.take("window/showMessage")
            await client.take("window/logMessage")

    play(scenario())
    assert said(record) == {(4, 27): Kind.ERROR}
