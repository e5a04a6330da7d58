"""What a client wants of a daemon reaches its process, whole."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from model_runtime import __main__ as process
from model_runtime.api import RuntimeFailure
from model_runtime.launch import Launcher, spawn_daemon
from model_runtime.packages import check_packages
from model_runtime.places import DaemonFiles, DaemonSpec


class FakeProcess:
    def __init__(self, command: list[str], **_: Any) -> None:
        self.command = command

    def wait(self) -> int:
        return 0


def test_every_field_of_the_spec_travels(
    tmp_path: Path, starter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (adapter / name).touch()
    spec = DaemonSpec(
        model=str(starter_folder),
        device="cpu",
        dtype="nf4",
        idle_timeout_s=5,
        transport="tcp",
        kv_memory="-1x",  # an option's value may look like an option
        adapter=str(adapter),
        context_length=4096,
        family="other",
        chat_model="owner/name",
    )
    served: list[DaemonSpec] = []

    def serve(spec: DaemonSpec, *, foreground: bool) -> int:
        served.append(spec)
        return 0

    monkeypatch.setattr(process, "serve", serve)
    monkeypatch.setattr(subprocess, "Popen", FakeProcess)
    started: Any = spawn_daemon(spec, DaemonFiles(tmp_path, "key"))
    after = started.command.index("model_runtime")
    assert process.main(started.command[after + 1 :]) == 0
    assert served == [spec]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (DaemonSpec(dtype="nf4"), "nf4 weights need the package bitsandbytes"),
        (DaemonSpec(dtype="int4"), "int4 weights need the package torchao"),
        (DaemonSpec(adapter="folder"), "Adapters need the package peft"),
    ],
)
def test_no_daemon_is_started_that_could_only_fail_for_want_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: DaemonSpec, said: str
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", started.append)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(RuntimeFailure, match=said) as caught:
        Launcher(wanted, DaemonFiles(tmp_path, "key")).nobody_answers()
    assert "pip install" in caught.value.hint
    assert not started


def test_weights_that_are_rounded_already_may_need_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "config.json").write_text('{"quantization_config": {}}')
    check_packages(DaemonSpec(model=str(tmp_path), dtype="int4"))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RuntimeFailure):
        check_packages(DaemonSpec(model=str(tmp_path), dtype="int4"))
