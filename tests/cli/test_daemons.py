"""`fimbria status` and `stop` with a daemon that is silent; what `serve`, `demo` and `doctor` have
in common with the language server.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsp_server.cli.app import run
from lsp_server.cli.session import Services
from lsp_server.settings import from_environment
from model_runtime import client, daemon
from model_runtime.api import RuntimeUnavailable
from model_runtime.places import DaemonSpec
from model_runtime.transport import Endpoint
from tests.cli.fakes import FakeRuntime

SILENT, RUNNING = ENDPOINTS = [
    Endpoint(pid=2**22 + number, model=f"/models/m{number}", device="cpu", dtype="auto")
    for number in range(2)
]
STATUS = {
    "state": "ready",
    "error": None,
    "model": {"id": "m1"},
    "engine": {"requests": 4321},
    "pid": RUNNING.pid,
    "version": "0",
    "started_at": 0.0,
    "idle_s": 0.0,
    "idle_timeout_s": 0.0,
}


@pytest.fixture
def one_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_of(endpoint: Endpoint) -> None:
        if endpoint is SILENT:
            raise RuntimeUnavailable(f"{endpoint.pid} does not answer.", "Kill it.")

    async def status(endpoint: Endpoint, _: float) -> dict[str, Any]:
        answer_of(endpoint)
        return STATUS

    async def stop(endpoint: Endpoint, _: float) -> bool:
        answer_of(endpoint)
        return True

    monkeypatch.setattr(client, "running_daemons", lambda: ENDPOINTS)
    monkeypatch.setattr(client, "daemon_status", status)
    monkeypatch.setattr(client, "stop_daemon", stop)


@pytest.mark.usefixtures("one_is_silent")
def test_status_tells_of_a_silent_daemon_beside_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["status", "--json"]) == 0
    silent, running = json.loads(capsys.readouterr().out)["daemons"]
    assert set(silent) == set(running)
    assert (silent["pid"], silent["state"]) == (SILENT.pid, "does not answer")
    assert running["requests"] == 4321


@pytest.mark.usefixtures("one_is_silent")
def test_status_names_a_silent_daemons_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["status"]) == 0
    output = capsys.readouterr().out
    for text in ("does not answer", str(SILENT.pid), "4,321"):
        assert text in output


@pytest.mark.usefixtures("one_is_silent")
def test_a_silent_daemon_is_told_after_the_others_were_stopped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["stop", "--all"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "Stopped 1 daemon.\n"
    assert captured.err == f"fimbria: {SILENT.pid} does not answer. Kill it.\n"


@pytest.mark.parametrize("command", ["demo", "doctor"])
def test_demo_and_doctor_show_what_an_editor_would(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("lsp_server.cli.doctor.checks", lambda _: ())
    runtime = FakeRuntime("   ")  # which no editor gets
    assert run([command], Services(runtime.make)) == 0
    assert "(nothing to suggest here)" in capsys.readouterr().out


def test_the_doctor_says_what_computes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.cli.doctor.checks", lambda _: ())
    assert run(["doctor"], Services(FakeRuntime().make)) == 0
    assert "float32 on cpu, steps computed by imagination" in capsys.readouterr().out


def test_serve_takes_the_same_variable_as_the_language_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    specs: list[DaemonSpec] = []

    def serve(spec: DaemonSpec, **_: object) -> int:
        specs.append(spec)
        raise RuntimeUnavailable("It has been seen.")

    monkeypatch.setenv("FIMBRIA_IDLE_TIMEOUT_S", "90")
    monkeypatch.setattr(daemon, "serve", serve)
    assert run(["serve"]) == 1
    settings, problems = from_environment({"FIMBRIA_IDLE_TIMEOUT_S": "90"})
    assert specs[0].idle_timeout_s == settings.idle_timeout_s == 90
    assert problems == []


def test_variables_that_resemble_no_setting_are_left_to_others() -> None:
    assert from_environment({"FIMBRIA_TIMEOUT": "1", "FIMBRIA_DEBUG": "1"})[1] == []
