"""`fimbria models` and what is of no use: damaged, of another kind, too large, or not here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lsp_server.cli.app import run
from lsp_server.user_config import user_settings
from model_runtime.hub_cache import find_snapshot
from model_runtime.memory_plan import Device
from model_runtime.models import resolve_model
from tests.cli.test_models import Terminal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resolve_model("starter"), tmp_path / "model"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def terminal(
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("FIMBRIA_MODEL", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return Terminal(capsys)


@pytest.mark.parametrize("size", [0, 1000])
def test_damaged_weights_are_told_and_not_used(
    terminal: Terminal, folder: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    for command in ("use", "info", "memory"):
        assert "is damaged" in terminal.error("models", command, str(folder))
    assert user_settings()[0].model == "starter"
    monkeypatch.setenv("FIMBRIA_MODEL", str(folder))
    assert "is damaged" in terminal.json("models")[-1]["problem"]


def test_what_completes_no_text_is_not_used(terminal: Terminal, folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": ["BertModel"]}')
    assert "completes no text" in terminal.error("models", "use", str(folder))
    assert user_settings()[0].model == "starter"


def test_an_official_name_without_its_owner_is_pulled_with_it(terminal: Terminal) -> None:
    problem = terminal.json("models", "info", "codellama-7b-instruct")["problem"]
    assert problem.endswith("fimbria models pull codellama/CodeLlama-7b-Instruct-hf")


def test_only_what_fits_is_suggested(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 20 * 2**30
    cpu = Device("cpu", "CPU", room, room, "bfloat16")
    monkeypatch.setattr("model_runtime.memory_plan_devices.devices_for", lambda _: [cpu])
    monkeypatch.setattr("lsp_server.cli.models_use._candidates", list)
    said = terminal.text("models", "use")
    assert "CodeLlama-7b-hf" in said
    assert "CodeLlama-13b-hf" not in said


def test_memory_says_when_only_loading_has_no_room(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 14 * 2**30
    cpu = Device("cpu", "CPU", room, room, "bfloat16")
    monkeypatch.setattr("model_runtime.memory_plan_devices.devices_for", lambda _: [cpu])
    said = terminal.text("models", "memory", "codellama/CodeLlama-7b-hf")
    assert "int8 on cpu takes up to" in said
    assert "int4" not in said


def test_memory_without_a_network_says_so_once(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (line,) = terminal.error("models", "memory", "a/b").splitlines()
    assert "cannot be reached" in line
    assert not caplog.records


def test_downloads_of_other_kinds_are_listed_as_such(terminal: Terminal, cache: Path) -> None:
    snapshot = cache / "models--somebody--bert" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}))
    (snapshot / "model.safetensors").touch()
    (cache / "models--somebody--nothing").mkdir()
    _, bert, nothing = terminal.json("models")
    assert "BertModel, which completes no text" in bert["problem"]
    assert nothing["problem"].startswith("config.json is missing")


def test_upper_and_lower_case_are_the_same_in_downloads(terminal: Terminal, cache: Path) -> None:
    snapshot = cache / "models--Somebody--Coder-7B" / "snapshots" / "abc"
    shutil.copytree(resolve_model("starter"), snapshot)
    assert find_snapshot("somebody/coder-7b") == snapshot
    assert terminal.json("models", "info", "somebody/coder-7b")["folder"] == str(snapshot)


@pytest.mark.parametrize("command", ["console", "chat"])
def test_a_slip_of_the_pen_downloads_nothing(terminal: Terminal, command: str) -> None:
    """Were the hub asked, it would not be reached."""
    assert run([command, "--model", "foo/bar"]) == 1
    assert "fimbria models pull foo/bar" in terminal.error(command, "--model", "foo/bar")
