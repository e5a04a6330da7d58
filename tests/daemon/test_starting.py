"""Starting daemons that die, and not starting them again and again."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from model_runtime.api import RuntimeUnavailable
from model_runtime.client import DaemonRuntime, DaemonSpec
from model_runtime.launch import RestartBrake
from model_runtime.places import daemon_files
from tests.daemon import crashing
from tests.daemon.serving import REQUEST, collect


def test_a_daemon_that_dies_at_once_is_explained_and_not_started_again_and_again(
    runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    runs = tmp_path / "runs"
    program.write_text(f'#!/bin/sh\necho run >> "{runs}"\necho "no disk left" >&2\nexit 3\n')
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))

    async def run() -> None:
        runtime = DaemonRuntime(DaemonSpec())
        for _ in range(2):
            with pytest.raises(RuntimeUnavailable, match=r"status 3.*no disk left") as caught:
                await runtime.complete(REQUEST)
            assert str(daemon_files(DaemonSpec()).log) in caught.value.hint
        await runtime.close()

    asyncio.run(run())
    assert runs.read_text() == "run\n"


def test_a_daemon_that_cannot_be_started_is_explained_and_not_tried_again_at_once(
    runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = daemon_files(DaemonSpec()).log
    log.mkdir()

    async def run() -> None:
        runtime = DaemonRuntime(DaemonSpec())
        for _ in range(2):
            with pytest.raises(RuntimeUnavailable, match=r"Is a directory: .*\.log") as caught:
                await runtime.complete(REQUEST)
            assert "FIMBRIA_RUNTIME_DIR" in caught.value.hint
            monkeypatch.setattr(sys, "executable", str(crashing.install(tmp_path)))
        await runtime.close()

    asyncio.run(run())
    assert not (tmp_path / "runs").exists()


def test_a_daemon_that_ends_at_every_request_is_not_started_by_every_request(
    runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(crashing.install(tmp_path)))

    async def run() -> None:
        runtime = DaemonRuntime(DaemonSpec())
        for ask in (runtime.complete(REQUEST), collect(runtime)):
            with pytest.raises(RuntimeUnavailable, match="ended while it was answering"):
                await ask
        for ask in (runtime.complete(REQUEST), collect(runtime), runtime.info()):
            with pytest.raises(RuntimeUnavailable, match="ends at every request") as caught:
                await ask
            assert str(daemon_files(DaemonSpec()).log) in caught.value.hint
            assert "next request" not in caught.value.hint
        await runtime.close()

    asyncio.run(run())
    assert (tmp_path / "runs").read_text() == "run\n" * 2


def test_losses_of_daemons_that_have_answered_are_accidents() -> None:
    brake = RestartBrake()
    lost = RuntimeUnavailable("It ended.")
    for has_answered in (False, True, False):
        brake.daemon_lost(lost, has_answered=has_answered)
        brake.check()
    brake.daemon_lost(lost, has_answered=False)
    with pytest.raises(RuntimeUnavailable, match="It ended"):
        brake.check()


def test_a_daemon_that_finds_the_lock_taken_is_tried_again(
    runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is about to end has the lock while nobody answers any more."""
    program = tmp_path / "python"
    runs = tmp_path / "runs"
    program.write_text(
        f'#!/bin/sh\nif [ -e "{runs}" ]; then exit 3; fi\necho run >> "{runs}"\nexit 0\n'
    )
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))

    async def run() -> None:
        with pytest.raises(RuntimeUnavailable, match="status 3"):
            await DaemonRuntime(DaemonSpec()).info()

    asyncio.run(run())
    assert runs.read_text() == "run\n"
