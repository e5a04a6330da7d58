"""A chat model of the hub that the settings only name: the first chat fetches it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_runtime.api import LoadProgress, RuntimeFailure
from model_runtime.client import DaemonRuntime, DaemonSpec
from model_runtime.daemon import chat_loader
from model_runtime.device_turns import DeviceTurns
from tests.daemon.chatting import CHAT, CHAT_MODEL, write_checkpoint
from tests.daemon.fakes import FakeEngine
from tests.daemon.serving import Serving, with_daemon
from tests.daemon.two_models import CODE
from tests.runtime.fake_hub import FakeHub, model_files, serving

NAME = f"somebody/{CHAT_MODEL}"
SPEC = DaemonSpec(device="cpu", chat_model=NAME)


@pytest.fixture
def hub(runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    files = model_files(write_checkpoint(tmp_path, CHAT_MODEL))
    with serving(FakeHub(NAME, files)) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def test_the_first_chat_fetches_it_and_says_how_far_that_is(hub: FakeHub) -> None:
    told: list[LoadProgress] = []

    async def use(_: Serving) -> None:
        runtime = DaemonRuntime(SPEC, progress=told.append)
        assert (await runtime.complete(CODE)).text == "code"
        assert not hub.requests, "completions need none"
        first, second = await asyncio.gather(runtime.complete(CHAT), runtime.complete(CHAT))
        assert first.model == second.model == NAME
        await runtime.close()

    load_chat = chat_loader(SPEC, DeviceTurns())
    with_daemon(FakeEngine("code"), use, spec=SPEC, load_chat=load_chat)
    assert any(each.stage.startswith(f"downloading {NAME}") for each in told)
    assert told[-1] == LoadProgress("ready", 1.0)


def test_one_that_must_not_be_fetched_is_one_clear_error(hub: FakeHub) -> None:
    hub.gated = True

    async def use(_: Serving) -> None:
        runtime = DaemonRuntime(SPEC)
        with pytest.raises(RuntimeFailure, match="gated") as refused:
            await runtime.complete(CHAT)
        assert f"fimbria models pull {NAME}" in refused.value.hint
        assert (await runtime.complete(CODE)).text == "code"
        await runtime.close()

    with_daemon(FakeEngine("code"), use, spec=SPEC)
