"""What a client wants of a daemon reaches its process, whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model_runtime import __main__ as process
from model_runtime.api import RuntimeFailure
from model_runtime.launch import Launcher, last_log_line, spawn_daemon
from model_runtime.packages import check_packages
from model_runtime.places import DaemonFiles, DaemonSpec
from tests.conftest import PROJECT


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


def test_a_log_of_ordinary_news_does_not_say_why_a_daemon_was_killed(tmp_path: Path) -> None:
    """An INFO line was pasted into the message."""
    file = tmp_path / "log"
    assert last_log_line(file) == ""
    news = "2026-11-21 08:00:01,123 INFO model_runtime.daemon: listening at /run/x.sock\n\n"
    file.write_text(news)
    assert last_log_line(file) == ""
    file.write_text(f"OSError: no disk left\n{news}")
    assert last_log_line(file) == "OSError: no disk left"


def test_the_daemons_own_log_is_read_like_that(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", _LOGGING, str(tmp_path)],
        check=True,
        capture_output=True,
        cwd=PROJECT,
    )
    assert last_log_line(tmp_path / "key.log").endswith("WARNING fimbria: trouble")


_LOGGING = """
import logging, pathlib, sys
from model_runtime.daemon import _set_up_log
from model_runtime.places import DaemonFiles
_set_up_log(DaemonFiles(pathlib.Path(sys.argv[1]), "key"), foreground=False)
for level in (logging.WARNING, logging.INFO):
    logging.getLogger("fimbria").log(level, "trouble" if level > logging.INFO else "news")
"""
