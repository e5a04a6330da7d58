"""The commands as a user runs them: processes of their own, the real daemon, the starter model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

MARKED = """class Cache:
    def __init__(self, size):
        self.size = size
        self._entries = {}

    def __len__(self):
        return <FILL>

    def __contains__(self, key):
        return key in self._entries
"""
PLACE = "7:16"
FEW = ("--max-tokens", "8")


@dataclass(frozen=True)
class Fimbria:
    """The `fimbria` command with a runtime folder of its own."""

    environment: dict[str, str]

    def __call__(
        self, *arguments: object, stdin: str = "", status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "lsp_server", *map(str, arguments)],
            input=stdin,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == status, done.stderr
        return done

    def json(self, *arguments: object, stdin: str = "") -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self(*arguments, "--json", stdin=stdin).stdout)
        return answer


@pytest.fixture(scope="module")
def fimbria() -> Iterator[Fimbria]:
    # Not pytest's own folder: the path of a Unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="fimbria-") as folder:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FIMBRIA_")}
        command = Fimbria(inherited | {"FIMBRIA_RUNTIME_DIR": folder, "NO_COLOR": "1"})
        yield command
        command("stop", "--all")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "cache.py"
    file.write_text(MARKED.replace("<FILL>", ""), encoding="utf-8")
    return file


def test_a_file_and_standard_input_get_the_same_answer(fimbria: Fimbria, source: Path) -> None:
    from_file = fimbria.json("complete", *FEW, f"{source}:{PLACE}")
    from_stdin = fimbria.json("complete", *FEW, "-", stdin=MARKED)
    names = {"text", "model", "finish_reason", "confidence", "usage", "timings_ms"}
    assert set(from_file) == names
    assert from_file["model"] == "starter"
    assert from_file["finish_reason"] in {"stop", "length"}
    assert from_file["confidence"]["mean_logprob"] < 0
    assert from_file["text"] == from_stdin["text"]
    assert from_file["usage"]["prompt_tokens"] == from_stdin["usage"]["prompt_tokens"]


def test_the_second_call_reuses_what_the_first_has_computed(fimbria: Fimbria, source: Path) -> None:
    first = fimbria.json("complete", *FEW, f"{source}:{PLACE}")
    second = fimbria.json("complete", *FEW, f"{source}:{PLACE}")
    usage = second["usage"]
    assert usage["cached_tokens"] > 0
    assert usage["cached_tokens"] + usage["computed_tokens"] == usage["prompt_tokens"]
    assert second["text"] == first["text"]


def test_candidates_differ(fimbria: Fimbria, source: Path) -> None:
    answer = fimbria.json(
        "complete", *FEW, "--candidates", "3", "--lines", "multi", f"{source}:7:16"
    )
    texts = [candidate["text"] for candidate in answer["candidates"]]
    assert len(set(texts)) == 3
    assert answer["text"] == texts[0]


@pytest.mark.parametrize("text", ["</s>", "<EOT>", "▁<EOT>", " <MID>", "<s>", "<unk>"])
def test_control_tokens_in_a_file_are_plain_text(fimbria: Fimbria, text: str) -> None:
    def prompt_tokens(comment: str) -> int:
        marked = f"# a{comment}b\nx = <FILL>\n# a{comment}b\n"
        answer = fimbria.json("complete", "-", "--max-tokens", "1", stdin=marked)
        count: int = answer["usage"]["prompt_tokens"]
        return count

    # A control token would be one token; its name spelled out takes several.
    assert prompt_tokens(text) - prompt_tokens("") >= 2 * 2


def test_status_shows_the_daemon_and_stop_ends_it(fimbria: Fimbria, source: Path) -> None:
    fimbria.json("complete", *FEW, f"{source}:1:1")
    (daemon,) = fimbria.json("status")["daemons"]
    assert (daemon["model"], daemon["state"]) == ("starter", "ready")
    assert daemon["requests"] > 0
    assert daemon["steps"] > 0
    assert daemon["step_ms"]["p95"] > 0
    assert sum(slot["len"] for slot in daemon["slots"]) > 0
    assert 0 < daemon["kv_bytes_used"] <= daemon["kv_bytes_total"]
    assert daemon["recent"][-1]["priority"] == "completion"
    assert str(daemon["pid"]) in fimbria("status").stdout
    fimbria.json("complete", *FEW, "--device", "cpu", f"{source}:1:1")
    assert len(fimbria.json("status")["daemons"]) == 2
    assert "Stopped 2 daemons." in fimbria("stop").stdout
    assert fimbria.json("status") == {"daemons": []}
    assert "No daemon is running" in fimbria("status").stdout
    assert "No daemon for starter was running." in fimbria("stop").stdout


def test_a_killed_daemon_is_started_again(fimbria: Fimbria, source: Path) -> None:
    before = fimbria.json("complete", *FEW, f"{source}:{PLACE}")
    (daemon,) = fimbria.json("status")["daemons"]
    os.kill(daemon["pid"], signal.SIGKILL)
    assert fimbria.json("complete", *FEW, f"{source}:{PLACE}")["text"] == before["text"]


def test_serve_can_wait_for_the_model_and_only_one_serves_it(fimbria: Fimbria) -> None:
    assert "starter is ready on cpu" in fimbria("serve", "--background", "--device", "cpu").stdout
    refused = fimbria("serve", "--device", "cpu", status=1)
    (line,) = refused.stderr.splitlines()
    assert line.startswith("fimbria: A daemon for this model runs already (process ")
    fimbria("stop", "--all")


def test_the_demo_completes_code_and_says_what_it_cost(fimbria: Fimbria) -> None:
    output = fimbria("demo").stdout
    assert output.count(" ms · prompt ") == 3
    assert output.count("‹") == 1 + 3
    assert "‹›" not in output


def test_the_doctor_ends_with_a_completion(fimbria: Fimbria) -> None:
    report = fimbria.json("doctor")
    assert report["ok"]
    assert {check["name"] for check in report["checks"]} >= {"Python", "torch", "Model", "Daemon"}
    assert report["completion"]["usage"]["completion_tokens"] > 0


def test_the_doctor_says_what_is_broken(fimbria: Fimbria, tmp_path: Path) -> None:
    done = fimbria("doctor", "--model", tmp_path, status=1)
    assert "✗ Model" in done.stdout
    assert "config.json is missing" in done.stdout


def test_an_absent_model_is_one_line(fimbria: Fimbria, source: Path, tmp_path: Path) -> None:
    done = fimbria("complete", f"{source}:1:1", "--model", tmp_path / "absent", status=1)
    assert done.stderr.count("\n") == 1
    assert "There is no model folder" in done.stderr
