"""What a client wants of a daemon reaches its process, whole."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from model_runtime import __main__ as process
from model_runtime.launch import spawn_daemon
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
