"""A second model that cannot be had: one clear error, and completions go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model_runtime.api import MissingCapability, ModelNotFound, OutOfMemory, UnsupportedModel
from tests.daemon.chatting import BASE_MODEL, CHAT, CHAT_MODEL, write_checkpoint
from tests.daemon.serving import Serving
from tests.daemon.two_models import CODE, chat_status, with_both


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in (BASE_MODEL, CHAT_MODEL):
        write_checkpoint(folder, name)
    return folder


def damaged(folders: Path, folder: Path) -> Path:
    broken = Path(shutil.copytree(folders / CHAT_MODEL, folder / CHAT_MODEL))
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    return broken


def test_a_damaged_chat_model_is_told_until_it_is_mended(
    runtime_dir: Path, folders: Path, tmp_path: Path
) -> None:
    broken = damaged(folders, tmp_path)

    async def use(daemon: Serving) -> None:
        for _ in range(2):
            with pytest.raises((UnsupportedModel, ModelNotFound)) as failure:
                await daemon.runtime.complete(CHAT)
            assert failure.value.hint
            assert "\n" not in failure.value.message
            assert (await daemon.runtime.complete(CODE)).text
            chat = await chat_status(daemon)
            assert (chat["state"], chat["error"]["message"]) == ("failed", failure.value.message)
        shutil.copy(folders / CHAT_MODEL / "model.safetensors", broken)
        assert (await daemon.runtime.complete(CHAT)).text
        assert (await chat_status(daemon))["error"] is None

    with_both(folders, broken, use)


def test_a_missing_chat_model_is_told_and_found_later(
    runtime_dir: Path, folders: Path, tmp_path: Path
) -> None:
    missing = tmp_path / CHAT_MODEL

    async def use(daemon: Serving) -> None:
        with pytest.raises(ModelNotFound, match="There is no model folder at"):
            await daemon.runtime.complete(CHAT)
        assert (await daemon.runtime.complete(CODE)).text
        shutil.copytree(folders / CHAT_MODEL, missing)
        assert (await daemon.runtime.complete(CHAT)).text

    with_both(folders, missing, use)


def test_a_chat_model_that_does_not_chat(runtime_dir: Path, folders: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folders / BASE_MODEL, tmp_path / "starcoder2-7b"))

    async def use(daemon: Serving) -> None:
        with pytest.raises(MissingCapability, match="starcoder2-7b was not trained for chat"):
            await daemon.runtime.complete(CHAT)
        assert (await daemon.runtime.complete(CODE)).text

    assert len(with_both(folders, other, use)) == 1  # its weights were never read


def test_a_chat_model_without_room(
    runtime_dir: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(daemon: Serving) -> None:
        await daemon.runtime.info()
        with monkeypatch.context() as patch:
            patch.setattr("model_runtime.kv_cache.planning.free_memory", lambda _: 2**20)
            with pytest.raises(OutOfMemory, match=r"takes 0\.3 GiB beside .*; 0\.0 GiB are free"):
                await daemon.runtime.complete(CHAT)
            assert (await daemon.runtime.complete(CODE)).text
        assert (await daemon.runtime.complete(CHAT)).text

    with_both(folders, folders / CHAT_MODEL, use)
