"""Which version is older, and what becomes of an older version's daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_runtime import client, server
from model_runtime.api import RuntimeUnavailable
from model_runtime.client import DaemonRuntime, DaemonSpec
from model_runtime.resident import ResidentModel
from model_runtime.versions import is_older
from tests.daemon.fakes import FakeEngine
from tests.daemon.serving import Serving, with_daemon


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [
        ("0.1.0", "0.1.1", True),
        ("0.9.0", "0.10.0", True),
        ("0.1", "0.1.1", True),
        ("0.1.0", "0.1.0", False),
        ("0.2.0", "0.1.9", False),
        ("unknown", "0.1.0", False),
        ("0.1.0", "unknown", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, than: str, older: bool) -> None:
    assert is_older(version, than) is older


@pytest.mark.parametrize(
    ("daemons_version", "idle_s", "autostart", "replaced"),
    [
        ("0.1.0", 60.0, True, True),
        ("0.1.0", 1.0, True, False),
        ("0.2.0", 60.0, True, False),
        ("0.3.0", 60.0, True, False),
        ("0.1.0", 60.0, False, False),
    ],
)
def test_an_older_versions_daemon_is_replaced_when_nobody_uses_it(
    runtime_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    daemons_version: str,
    idle_s: float,
    autostart: bool,
    replaced: bool,
) -> None:
    stopped: list[Any] = []

    async def stop(target: Any) -> bool:
        stopped.append(target)
        raise RuntimeUnavailable("It does not end.")  # so that it serves on

    monkeypatch.setattr(server, "own_version", lambda: daemons_version)
    monkeypatch.setattr(client, "own_version", lambda: "0.2.0")
    monkeypatch.setattr(client, "stop_daemon", stop)
    monkeypatch.setattr(ResidentModel, "idle_s", idle_s)

    async def use(_: Serving) -> None:
        runtime = DaemonRuntime(DaemonSpec(), autostart=autostart)
        assert (await runtime.info()).id == "scripted"
        await runtime.close()

    with_daemon(FakeEngine(), use)
    assert bool(stopped) is replaced
