"""`fimbria status`: what it says about daemons, once, live, and where there is no terminal."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from lsp_server.cli import dashboard
from lsp_server.cli.app import run
from lsp_server.cli.status import watch_daemons
from lsp_server.cli.summary import Percentiles, SlotSummary, engine_summary, percentiles
from model_runtime import client
from model_runtime.api import RuntimeUnavailable
from model_runtime.failures import INTERRUPTED_STATUS
from model_runtime.transport import Endpoint, Unreachable

ENDPOINT = Endpoint(pid=2**22, model="/models/code", device="auto", dtype="auto")


def record(reason: str = "stop", priority: str = "completion", queue_ms: float = 1) -> Any:
    return {
        "reason": reason,
        "priority": priority,
        "usage": {
            "prompt_tokens": 1700,
            "cached_tokens": 1697,
            "completion_tokens": 9,
            "draft_tokens": 8,
            "accepted_tokens": 5,
        },
        "timings": {"queue_ms": queue_ms, "prefill_ms": 4.0, "decode_ms": 7.0},
    }


STATS = {
    "requests": 4321,
    "queued": 2,
    "running": 1,
    "aborted": 17,
    "prompt_tokens": 2000,
    "cached_tokens": 1900,
    "completion_tokens": 300,
    "draft_tokens": 80,
    "accepted_tokens": 60,
    "steps": 240,
    "step_ms": [3.0, 5.0, 4.0],
    "slots": [
        {"len": 1024, "pinned": True},
        {"len": 1, "pinned": False},
        {"len": 0, "pinned": False},
    ],
    "kv_bytes_used": 3 * 2**20,
    "kv_bytes_total": 2**31,
    "recent": [record(), record("aborted")],
}
STATUS: dict[str, Any] = {
    "state": "ready",
    "error": None,
    "model": {
        "id": "code",
        "fimbria": {"device": "cuda:0", "dtype": "float16", "context_length": 1024},
    },
    "engine": STATS,
    "pid": ENDPOINT.pid,
    "version": "0",
    "started_at": 0.0,
    "idle_s": 0.0,
    "idle_timeout_s": 1800.0,
}


@pytest.fixture
def daemons(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """What the daemons that run answer, by their process; a test may change it at any time."""
    answers: dict[int, Any] = {ENDPOINT.pid: STATUS}

    async def answer_of(endpoint: Endpoint, _: float) -> Any:
        answer = answers[endpoint.pid]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(client, "running_daemons", lambda: [ENDPOINT] if answers else [])
    monkeypatch.setattr(client, "daemon_status", answer_of)
    monkeypatch.setenv("COLUMNS", "100")
    return answers


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["status"]) == 0
    return capsys.readouterr().out


def test_a_daemon_is_shown_with_all_that_it_counts(
    daemons: dict[int, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    output = printed(capsys)
    for text in (
        "code ready · cuda:0 float16 · process 4194304",
        "idle 0s of 30m\n",
        "4,321 asked · 17 aborted · 1 running · 2 queued",
        "95.0% reused = 1,900 cached of 2,000",
        "300 in 240 steps · 75.0% of drafts right = 60 of 80",
        "p50/p95 ms      queue 1.0/1.0 · first 5.0/5.0 · answer 12/12 · step 4.0/5.0",
        "█▁·  2 of 3 slots, 3 MiB of 2.0 GiB",
    ):
        assert text in output
    assert "  Ended    Priority " in output  # of which a console's completions have a chat's
    newest, oldest = [line.split() for line in output.splitlines() if "completion" in line]
    assert newest == ["aborted", "completion", "1700", "3", "9", "5/8", "1.0", "5.0", "12"]
    assert oldest[0] == "stop"


def test_daemons_of_one_model_are_told_apart_by_what_was_asked_for(
    daemons: dict[int, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    special = replace(
        ENDPOINT,
        pid=ENDPOINT.pid + 1,
        dtype="int8",
        adapter="/adapters/sql",
        family="qwen2.5_coder",
        context_length=4096,
    )
    details = STATUS["model"]["fimbria"] | {"kernels": "C, int8 weights", "family": "other"}
    daemons[special.pid] = STATUS | {"model": STATUS["model"] | {"fimbria": details}}
    monkeypatch.setattr(client, "running_daemons", lambda: [ENDPOINT, special])
    output = printed(capsys)
    asked = "dtype int8 · adapter sql · family qwen2.5_coder · context 4,096"
    assert f"Asked for       {asked}\n" in output
    assert "Computed by     C, int8 weights" in output
    assert output.count("Asked for") == 1
    _, line = watched(False).splitlines()
    assert f"code ready · {asked} · 4321 asked" in line
    assert run(["status", "--json"]) == 0
    plain, other = json.loads(capsys.readouterr().out)["daemons"]
    assert (plain["asked"]["dtype"], plain["kernels"]) == ("auto", None)
    assert other["asked"] == {
        "device": "auto",
        "dtype": "int8",
        "adapter": "/adapters/sql",
        "context_length": 4096,
        "family": "qwen2.5_coder",
    }
    assert (other["kernels"], other["family"]) == ("C, int8 weights", "other")


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        ({"state": "unloaded"}, "Chat model      talker unloaded\n"),
        (
            {"state": "ready", "model": {"id": "Talker-7b"}, "engine": STATS},
            "Chat model      Talker-7b ready · 4321 asked, 1 running, 2 queued · 95.0% of the",
        ),
        (
            {"state": "failed", "error": {"message": "It is too large.", "hint": "Buy more."}},
            "Chat model      talker failed\n  It is too large. Buy more.\n",
        ),
    ],
)
def test_the_model_for_chats_is_shown_too(
    daemons: dict[int, Any],
    capsys: pytest.CaptureFixture[str],
    chat: dict[str, Any],
    expected: str,
) -> None:
    told = {"name": "talker", "progress": None, "error": None, "model": None, "engine": None}
    daemons[ENDPOINT.pid] = {**STATUS, "chat": told | chat}
    assert expected in printed(capsys)
    assert run(["status", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["daemons"]
    assert shown["chat"]["state"] == chat["state"]
    assert shown["requests"] == STATS["requests"]


def test_json_has_the_same_in_numbers(
    daemons: dict[int, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status", "--json"]) == 0
    [daemon] = json.loads(capsys.readouterr().out)["daemons"]
    assert daemon["step_ms"] == {"p50": 4.0, "p95": 5.0}
    assert daemon["slots"][0] == {"len": 1024, "pinned": True}
    assert daemon["recent"][-1]["reason"] == "aborted"
    for name in ("requests", "aborted", "cached_tokens", "accepted_tokens", "kv_bytes_total"):
        assert daemon[name] == STATS[name]


def test_a_daemon_that_loads_has_nothing_to_count_yet(
    daemons: dict[int, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    daemons[ENDPOINT.pid] = STATUS | {"state": "loading", "model": None, "engine": None}
    assert printed(capsys).startswith("code loading · auto auto · process")


def test_a_daemon_that_has_failed_says_why(
    daemons: dict[int, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"message": "Not a Llama.", "hint": "Use one."}
    failed = {"state": "failed", "error": error, "model": None, "engine": None}
    daemons[ENDPOINT.pid] = STATUS | failed
    output = printed(capsys)
    assert "Not a Llama. Use one." in output
    assert ", about to end\n" in output
    assert "idle" not in output


def test_a_daemon_that_has_just_ended_is_not_shown(
    daemons: dict[int, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    daemons[ENDPOINT.pid] = Unreachable("The model daemon does not listen.")
    assert printed(capsys) == f"{dashboard.NO_DAEMON}\n"


def test_an_older_daemons_counts_can_be_read() -> None:
    older = {"requests": 3, "slots": [5, 0], "recent": [record() | {"priority": "completion"}]}
    del older["recent"][0]["usage"]["draft_tokens"]  # type: ignore[index]
    summary = engine_summary(older)
    assert (summary.requests, summary.steps) == (3, 0)
    assert summary.slots == (SlotSummary(5, pinned=False), SlotSummary(0, pinned=False))
    assert summary.recent[0].draft_tokens == 0


def test_times_leave_out_what_nobody_waited_for() -> None:
    recent = [record(), record(priority="idle", queue_ms=900), record("aborted", queue_ms=2)]
    summary = engine_summary({"recent": recent})
    assert summary.queue_ms == Percentiles(1, 2)
    assert summary.answer_ms == Percentiles(12, 12)


def test_percentiles_are_values_that_occurred() -> None:
    assert percentiles([]) is None
    assert percentiles([7]) == Percentiles(7, 7)
    assert percentiles(range(100, 0, -1)) == Percentiles(50, 95)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.9, "0s"), (59, "59s"), (61.5, "1m01s"), (1800, "30m"), (3600, "1h00m"), (90061, "25h01m")],
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert dashboard.duration(seconds) == shown


@pytest.mark.parametrize(
    ("length", "bar"), [(0, "·"), (1, "▁"), (512, "▅"), (1023, "█"), (1024, "█")]
)
def test_a_slots_bar_is_as_high_as_it_is_full(length: int, bar: str) -> None:
    assert dashboard.slot_bars([SlotSummary(length, pinned=False)], 1024).plain == bar


def watched(terminal: bool, *happenings: Callable[[], object]) -> str:
    """What the live view has written when it is interrupted, after one round for each happening."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=100, height=40, _environ={})
    remaining = iter(happenings)

    async def pause(_: float) -> None:
        happening = next(remaining, None)
        if happening is None:
            raise KeyboardInterrupt
        happening()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(watch_daemons(console, pause))
    return output.getvalue()


def test_the_live_view_survives_daemons_that_end_and_come_back(daemons: dict[int, Any]) -> None:
    silence = RuntimeUnavailable("The model daemon does not answer.")
    output = watched(
        True,
        daemons.clear,
        lambda: daemons.update({ENDPOINT.pid: silence}),
        lambda: daemons.update({ENDPOINT.pid: STATUS}),
    )
    places = [
        output.index("4,321 asked"),
        output.index(dashboard.NO_DAEMON),
        output.index("does not answer"),
        output.rindex("4,321 asked"),
    ]
    assert places == sorted(places)
    assert output.startswith("\x1b[?1049h")  # the terminal's other screen
    assert output.rstrip().endswith(("\x1b[?1049l", "\x1b[?25h"))


def test_without_a_terminal_there_is_a_line_per_look(daemons: dict[int, Any]) -> None:
    first, second = watched(False, daemons.clear).splitlines()
    assert first.endswith(
        "code ready · 4321 asked, 1 running, 2 queued · 95.0% of the prompts reused · 75.0% of the "
        "drafts right · step 4.0/5.0 ms · KV cache 3 MiB of 2.0 GiB"
    )
    assert second.endswith(dashboard.NO_DAEMON)


def test_ctrl_c_ends_the_live_view_without_complaint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "running_daemons", interrupted)
    assert run(["status", "--watch"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["status"]) == INTERRUPTED_STATUS


def test_json_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--watch", "--json"]) == 2
    assert "leave out --watch" in capsys.readouterr().err


def test_many_empty_slots_leave_room_for_the_numbers(
    daemons: dict[int, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """32 bars broke the line in a terminal of 80 columns."""
    slots = [{"len": 512 if i < 3 else 0, "pinned": False} for i in range(32)]
    daemons[ENDPOINT.pid] = {**STATUS, "engine": {**STATS, "slots": slots}}
    (line,) = (line for line in printed(capsys).splitlines() if "slots" in line)
    assert "  3 of 32 slots" in line
    assert "·" not in line
