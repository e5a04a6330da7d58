"""Downloading models: from a local server that behaves like the hub."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_runtime import hub_cache
from model_runtime.api import ModelNotFound, RuntimeFailure, UnsupportedModel
from model_runtime.hub import Transfer, fetch_config, pull
from model_runtime.loading import load_engine
from model_runtime.models import model_name, resolve_model
from tests.runtime.fake_hub import COMMIT, FakeHub, model_files, serving

NAME = "somebody/tiny-coder"
WEIGHTS = "model.safetensors"
CHUNK = 100_000


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", CHUNK)
    return folder


@pytest.fixture
def hub(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub(NAME, model_files(tiny_folder))) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def ignore(_: Transfer) -> None:
    return


def test_a_pulled_model_is_found_by_its_name_and_runs(hub: FakeHub, cache: Path) -> None:
    seen: list[Transfer] = []
    folder = pull(NAME, seen.append)
    assert folder.is_relative_to(cache)
    assert {file.name for file in folder.iterdir()} == set(hub.files)
    assert resolve_model(NAME) == folder.resolve()
    assert model_name(resolve_model(NAME)) == NAME
    engine = load_engine(resolve_model(NAME))
    engine.close()
    total = sum(map(len, hub.files.values()))
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    assert seen[-1] == Transfer(seen[-1].file, total, total)


def test_files_that_are_no_use_are_left_where_they_are(hub: FakeHub) -> None:
    expected = set(hub.files)
    for name in ("consolidated.safetensors", "model.gguf", "README.md", "onnx/config.json"):
        hub.files[name] = b"x"
    assert {file.name for file in pull(NAME, ignore).iterdir()} == expected


def test_pulling_again_downloads_nothing(hub: FakeHub) -> None:
    pull(NAME, ignore)
    hub.requests.clear()
    pull(NAME, ignore)
    assert [path for method, path, _ in hub.requests if method == "GET"] == [f"/api/models/{NAME}"]


def test_a_killed_download_goes_on_where_it_was(hub: FakeHub) -> None:
    seen: list[Transfer] = []

    def interrupt(transfer: Transfer) -> None:
        seen.append(transfer)
        if sum(one.file == WEIGHTS for one in seen) > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(NAME, interrupt)
    with pytest.raises(ModelNotFound, match=r"is missing"):
        resolve_model(NAME)
    (partial,) = hub_cache.repository_folder(NAME).glob("blobs/*partial")
    num_there = partial.stat().st_size
    assert 0 < num_there < len(hub.files[WEIGHTS])
    folder = pull(NAME, ignore)
    assert hub.ranges == [f"bytes={num_there}-"]
    assert (folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert not partial.exists()


def test_a_broken_connection_is_taken_up_again(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    hub.cut_after = 5 * CHUNK
    folder = pull(NAME, ignore)
    assert hub.ranges == [f"bytes={5 * CHUNK}-"]
    assert (folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_what_goes_on_with_another_files_bytes_is_noticed(hub: FakeHub) -> None:
    blobs = hub_cache.repository_folder(NAME) / "blobs"
    blobs.mkdir(parents=True)
    partial = blobs / f"{hub.etag(WEIGHTS)}.fimbria-partial"
    partial.write_bytes(b"something else")
    with pytest.raises(RuntimeFailure, match="damaged"):
        pull(NAME, ignore)
    assert (pull(NAME, ignore) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_gated_model_comes_with_the_steps_to_it(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated = True
    with pytest.raises(RuntimeFailure, match="gated") as caught:
        pull(NAME, ignore)
    for step in (f"{hub.url}/{NAME}", "hf auth login", f"fimbria models pull {NAME}"):
        assert step in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_with_access")
    assert (pull(NAME, ignore) / WEIGHTS).is_file()


def test_a_model_that_is_not_there(hub: FakeHub) -> None:
    with pytest.raises(ModelNotFound, match="no model somebody/else") as caught:
        pull("somebody/else", ignore)
    assert "hf auth login" in caught.value.hint


@pytest.mark.parametrize("name", ["starter", "/a/folder", "./somebody/else", "a/b/c", ""])
def test_what_is_no_name_of_the_hub_is_not_asked_for(hub: FakeHub, name: str) -> None:
    with pytest.raises(ModelNotFound, match="no name of the Hugging Face hub"):
        pull(name, ignore)
    assert not hub.requests


def test_offline_nothing_is_asked_and_what_is_there_is_used(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(NAME, ignore)
    hub.requests.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert resolve_model(NAME).name == COMMIT
    assert (fetch_config(NAME) / "config.json").is_file()
    assert pull(NAME, ignore).resolve() == resolve_model(NAME)
    with pytest.raises(RuntimeFailure, match="HF_HUB_OFFLINE") as caught:
        pull("somebody/else", ignore)
    assert "HF_HUB_OFFLINE=0 fimbria models pull somebody/else" in caught.value.hint
    assert not hub.requests


def test_a_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RuntimeFailure, match="cannot be reached") as caught:
        pull(NAME, ignore)
    assert "goes on" in caught.value.hint


def test_a_hub_in_trouble(hub: FakeHub) -> None:
    hub.status = 503
    with pytest.raises(RuntimeFailure, match="status 503"):
        pull(NAME, ignore)


def test_weights_in_other_formats_only(hub: FakeHub) -> None:
    hub.files = {"config.json": b"{}", "pytorch_model.bin": b"x"}
    with pytest.raises(UnsupportedModel, match=r"no safetensors weights, only \.bin"):
        pull(NAME, ignore)


def test_a_disk_that_is_too_small(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 10

    monkeypatch.setattr("model_runtime.hub.shutil.disk_usage", lambda _: Usage)
    with pytest.raises(RuntimeFailure, match="GiB free") as caught:
        pull(NAME, ignore)
    assert "HF_HOME" in caught.value.hint


def test_a_disk_that_fills_up(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(RuntimeFailure, match="No space left on device") as caught:
        pull(NAME, ignore)
    assert "HF_HOME" in caught.value.hint


def test_the_configuration_alone_can_be_had(hub: FakeHub) -> None:
    assert (fetch_config(NAME) / "config.json").read_bytes() == hub.files["config.json"]
    assert not any(path.endswith("safetensors") for _, path, _ in hub.requests)
    with pytest.raises(ModelNotFound, match="is missing"):
        resolve_model(NAME)
