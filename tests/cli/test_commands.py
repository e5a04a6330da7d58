"""The commands: what they print, where, and their exit status. No real model here."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lsp_server.cli.app import run
from lsp_server.cli.session import Services
from model_runtime.api import (
    InvalidRequest,
    Layout,
    RuntimeFailure,
    RuntimeUnavailable,
    SamplingParams,
)
from tests.cli.fakes import FakeRuntime


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    stderr: str

    @property
    def only_error_line(self) -> str:
        """The message, when nothing but one line on standard error was printed."""
        assert self.stdout == ""
        assert self.stderr.count("\n") == 1
        assert self.stderr.startswith("fimbria: ")
        return self.stderr.removeprefix("fimbria: ").rstrip("\n")


class Commands:
    """Runs command lines on a fake runtime."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.runtime = FakeRuntime()
        self._capsys = capsys

    def run(self, *arguments: object) -> Outcome:
        status = run([str(argument) for argument in arguments], Services(self.runtime.make))
        captured = self._capsys.readouterr()
        return Outcome(status, captured.out, captured.err)


@pytest.fixture
def commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    for name in ("FIMBRIA_MODEL", "FIMBRIA_DEVICE", "FIMBRIA_DTYPE", "FIMBRIA_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Commands(capsys)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "app.py"
    file.write_bytes(b"def add(a, b):\n    return \n")
    return file


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


def test_complete_shows_the_ghost_text_in_place(commands: Commands, source: Path) -> None:
    commands.runtime.answer = "a + b"
    outcome = commands.run("complete", f"{source}:2:12")
    assert outcome.status == 0
    lines = outcome.stdout.splitlines()
    assert lines[:3] == ["1 │ def add(a, b):", "2 │     return ‹a + b›", "3 │ "]
    assert lines[3].startswith("3 tokens in 6 ms · prompt 12 = 8 cached + 4 computed")
    assert len(lines) == 4
    assert outcome.stderr == ""
    assert commands.runtime.closed


def test_complete_asks_for_what_surrounds_the_hole(commands: Commands, source: Path) -> None:
    commands.run("complete", f"{source}:2:12")
    (request,) = commands.runtime.requests
    assert request.prompt.endswith("def add(a, b):\n    return ")
    assert request.suffix == "\n"


def test_complete_passes_its_options_on(commands: Commands, source: Path) -> None:
    commands.run(
        *("complete", f"{source}:2:12", "--model", "/models/code", "--device", "cuda:1"),
        *("--dtype", "float16", "--max-tokens", "7", "--temperature", "0.5", "--top-p", "0.9"),
        *("--seed", "3", "--layout", "psm", "--no-heal", "--kv-memory", "40%"),
        *("--adapter", "/adapters/a", "--context-length", "16384", "--family", "StarCoder2"),
    )
    (request,), (spec,) = commands.runtime.requests, commands.runtime.specs
    assert (spec.model, spec.device, spec.dtype) == ("/models/code", "cuda:1", "float16")
    assert spec.kv_memory == "40%"
    assert (spec.adapter, spec.context_length, spec.family) == ("/adapters/a", 16384, "starcoder2")
    assert request.max_tokens == 7
    assert request.sampling == SamplingParams(temperature=0.5, top_p=0.9, seed=3)
    assert request.layout is Layout.PSM
    assert not request.heal


def test_a_family_that_is_misspelt_is_told_which_ones_there_are(
    commands: Commands, source: Path
) -> None:
    outcome = commands.run("complete", f"{source}:2:12", "--family", "starcode")
    assert outcome.status == 2
    message = " ".join(outcome.stderr.split())
    assert "no model family 'starcode'" in message
    assert "Choose one of starcoder, " in message


def test_complete_json_has_exactly_these_fields(commands: Commands, source: Path) -> None:
    commands.runtime.answer = "a + b  # ü"
    outcome = commands.run("complete", "--json", f"{source}:2:12")
    assert outcome.stdout.count("\n") == 1
    assert json.loads(outcome.stdout) == {
        "text": "a + b  # ü",
        "model": "fake",
        "finish_reason": "stop",
        "confidence": {"mean_logprob": None, "first_drop": None, "editor_shows": "all"},
        "usage": {
            "prompt_tokens": 12,
            "cached_tokens": 8,
            "computed_tokens": 4,
            "completion_tokens": 3,
            "draft_tokens": 0,
            "accepted_tokens": 0,
        },
        "timings_ms": {"queue": 0.1, "prefill": 2.0, "decode": 4.0, "total": 6.1},
    }


def test_complete_answers_in_the_files_own_line_endings(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "crlf.py"
    file.write_bytes(b"def f():\r\n    \r\n\r\n")
    commands.runtime.answer = "x = 1\n    return x"
    outcome = commands.run("complete", "--json", "--lines", "multi", f"{file}:2:5")
    (request,) = commands.runtime.requests
    assert "\r" not in request.prompt + (request.suffix or "")
    assert json.loads(outcome.stdout)["text"] == "x = 1\r\n    return x"


def test_complete_reads_standard_input(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "é = <FILL> or x\n".encode())
    outcome = commands.run("complete", "-")
    assert outcome.stdout.startswith("1 │ é = ‹answer› or x\n")
    (request,) = commands.runtime.requests
    assert request.prompt.endswith("é = ")
    assert request.suffix == " or x\n"


def test_complete_replaces_brackets_that_the_answer_closes(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.runtime.answer = "1) + 2"
    feed(monkeypatch, b"f(<FILL>)\n")
    assert commands.run("complete", "-").stdout.startswith("1 │ f(‹1) + 2›\n")
    feed(monkeypatch, b"f(<FILL>)\n")
    answer = json.loads(commands.run("complete", "-", "--json").stdout)
    assert (answer["text"], answer["num_replaced"]) == ("1) + 2", 1)


@pytest.mark.parametrize(
    ("lines", "stop", "text"),
    [
        ("auto", ("\n\n\n",), "a\n    b"),
        ("single", ("\n",), "a\n    b\nc = 1\n"),
        ("multi", (), "a\n    b\nc = 1\n"),
    ],
)
def test_complete_shows_what_an_editor_would_or_what_the_model_wrote(
    commands: Commands, source: Path, lines: str, stop: tuple[str, ...], text: str
) -> None:
    commands.runtime.answer = "a\n    b\nc = 1\n"
    outcome = commands.run("complete", "--json", "--lines", lines, f"{source}:2:12")
    assert commands.runtime.requests[0].stop == stop
    assert json.loads(outcome.stdout)["text"] == text


def test_complete_says_when_there_is_nothing_to_suggest(commands: Commands, source: Path) -> None:
    commands.runtime.answer = ""
    assert "(nothing to suggest here)" in commands.run("complete", f"{source}:1:1").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["complete"], "Missing argument"),
        (["complete", "app.py"], "expected FILE:LINE:COLUMN"),
        (["complete", "absent.py:1:1"], "absent.py: there is no such file."),
        (["complete", "a\x1b[2J\nb.py:1:1"], r"a\x1b[2J b.py: there is no such file."),
        (["complete", "x.py:1:1", "--max-tokens", "0"], "--max-tokens"),
        (["complete", "x.py:1:1", "--max-tokens", "many"], "--max-tokens"),
        (["complete", "x.py:1:1", "--candidates", "9"], "--candidates"),
        (["complete", "x.py:1:1", "--temperature", "-1"], "--temperature"),
        (["complete", "x.py:1:1", "--layout", "mps"], "--layout"),
        (["complete", "x.py:1:1", "--lines", "all"], "--lines"),
        (["complete", "x.py:1:1", "--what"], "No such option: --what"),
        (["compleet"], "Did you mean 'complete'"),
        (["--what"], "No such option: --what"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    commands: Commands, arguments: list[str], message: str
) -> None:
    outcome = commands.run(*arguments)
    assert message in outcome.only_error_line
    assert outcome.status == 2


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (RuntimeUnavailable("The daemon\ndied.", "See its log."), 1),
        (InvalidRequest("`temperature` must be from 0 to 100."), 2),
    ],
)
def test_a_failure_of_the_runtime_is_one_line_with_its_hint(
    commands: Commands, source: Path, failure: RuntimeFailure, status: int
) -> None:
    commands.runtime.failure = failure
    outcome = commands.run("complete", f"{source}:1:1")
    assert outcome.only_error_line == " ".join(str(failure).split())
    assert outcome.status == status
    assert commands.runtime.closed


def test_a_message_is_told_from_its_hint(commands: Commands, source: Path) -> None:
    commands.runtime.failure = RuntimeFailure("Device 'x': unknown", "Use cpu.")
    outcome = commands.run("complete", f"{source}:1:1")
    assert outcome.only_error_line == "Device 'x': unknown. Use cpu."


def test_closed_standard_input_is_one_line(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert commands.run("complete", "-").only_error_line == "standard input is closed."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(source: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lsp_server", "models", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_a_defect_is_one_line_too(
    commands: Commands, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("a defect")

    monkeypatch.setattr(commands.runtime, "stream", broken)
    outcome = commands.run("complete", f"{source}:1:1")
    assert "internal error: LookupError: a defect" in outcome.only_error_line
    assert outcome.status == 1


def test_the_demo_shows_ghost_text_and_what_to_do_next(commands: Commands) -> None:
    outcome = commands.run("demo")
    assert outcome.status == 0
    assert outcome.stdout.count("‹answer›") == 3
    assert outcome.stdout.count("3 tokens in 6 ms") == 3
    assert "fimbria complete FILE:LINE:COLUMN" in outcome.stdout
    assert "fimbria setup neovim" in outcome.stdout
    assert len(commands.runtime.requests) == 3


def test_models_lists_what_the_starter_can_do(commands: Commands) -> None:
    outcome = commands.run("models", "--json")
    (starter,) = json.loads(outcome.stdout)
    assert starter["name"] == "starter"
    assert starter["capabilities"] == ["completion", "infilling"]
    assert starter["layouts"][0] == "spm"
    assert "infilling" in commands.run("models").stdout


def test_models_names_a_folder_without_a_model(commands: Commands, tmp_path: Path) -> None:
    outcome = commands.run("models", "info", tmp_path)
    assert "config.json is missing" in outcome.only_error_line
    assert outcome.status == 1


def test_help_teaches_by_examples(commands: Commands) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        outcome = commands.run(*arguments)
        assert outcome.status == 0
        assert "fimbria complete app.py:12:5" in outcome.stdout
    for command in ("complete", "demo", "doctor", "models", "serve", "status", "stop"):
        assert f"fimbria {command}" in commands.run(command, "--help").stdout


@pytest.mark.parametrize(
    ("dtype", "said"), [("fp16", "'fp16' is not one of auto, float32"), ("", "'' is not one of")]
)
@pytest.mark.parametrize(
    "command", [["console"], ["complete", "app.py:1:1"], ["eval", "infilling"]]
)
def test_an_unknown_dtype_is_refused_before_a_daemon_is_started(
    capsys: pytest.CaptureFixture[str], command: list[str], dtype: str, said: str
) -> None:
    runtime = FakeRuntime()
    assert run([*command, "--dtype", dtype], Services(runtime.make)) == 2
    assert said in capsys.readouterr().err
    assert not runtime.specs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["console", "--capability", "foo"],
            "Invalid value for '--capability' / '--cap' / '-c': 'foo' is not one of 'completion', "
            "'infilling', 'chat', 'python'. See fimbria console --help.",
        ),
        (["models", "pull"], "Missing argument 'OWNER/NAME'. See fimbria models pull --help."),
        (["models", "nope"], "No such command 'nope'. See fimbria models --help."),
        (["nope"], "No such command 'nope'. See fimbria --help."),
    ],
)
def test_wrong_usage_names_the_help_of_the_command_that_was_called(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().err == f"fimbria: {said}\n"
