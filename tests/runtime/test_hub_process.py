"""A model that is only named is downloaded by the first request that needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_runtime.api import LoadProgress, RuntimeFailure
from model_runtime.client import DaemonRuntime
from model_runtime.hub_process import download, needs_download
from model_runtime.models import resolve_model
from model_runtime.places import DaemonSpec
from tests.runtime.fake_hub import FakeHub, model_files, serving

NAME = "somebody/tiny-coder"


@pytest.fixture
def hub(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path / "run"))
    with serving(FakeHub(NAME, model_files(tiny_folder))) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def test_what_needs_a_download(hub: FakeHub, tmp_path: Path) -> None:
    assert needs_download(NAME)
    for name in ("starter", str(tmp_path), "./somebody/tiny-coder", "~/models"):
        assert not needs_download(name)


def test_progress_is_told_until_the_model_is_there(hub: FakeHub) -> None:
    seen: list[LoadProgress] = []
    asyncio.run(download(NAME, seen.append))
    assert not needs_download(NAME)
    assert resolve_model(NAME).is_dir()
    fractions = [one.fraction for one in seen]
    assert fractions == sorted(fractions)
    assert max(fractions) < 1
    assert all(NAME in one.stage for one in seen)


def test_a_failure_comes_with_its_next_step(hub: FakeHub) -> None:
    hub.gated = True
    with pytest.raises(RuntimeFailure, match="gated") as caught:
        asyncio.run(download(NAME, lambda _: None))
    assert f"fimbria models pull {NAME}" in caught.value.hint


def test_after_a_failure_the_hub_is_left_alone_for_a_while(hub: FakeHub) -> None:
    hub.gated = True

    async def ask_twice() -> None:
        runtime = DaemonRuntime(DaemonSpec(model=NAME))
        for _ in range(2):
            with pytest.raises(RuntimeFailure, match="gated"):
                await runtime.info()
        await runtime.close()

    asyncio.run(ask_twice())
    assert sum(path == f"/api/models/{NAME}" for _, path, _ in hub.requests) == 1


def test_a_client_that_may_not_start_anything_downloads_nothing(hub: FakeHub) -> None:
    async def ask() -> None:
        runtime = DaemonRuntime(DaemonSpec(model=NAME), autostart=False)
        with pytest.raises(RuntimeFailure, match="neither a folder nor downloaded"):
            await runtime.info()
        await runtime.close()

    asyncio.run(ask())
    assert not hub.requests


def test_cancelling_stops_the_download(hub: FakeHub) -> None:
    async def begin_and_cancel() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(download(NAME, lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(begin_and_cancel())
