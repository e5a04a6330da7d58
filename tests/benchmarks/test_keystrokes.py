"""The benchmark's figures, and one short run of the real thing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measurements import Measurement, percentiles, summary

PROJECT = Path(__file__).resolve().parent.parent.parent
START = "def add(a, b):\n    return a + b\n\n\n"
TYPED = "print(add"


def measurement(prompt: int, cached: int, ms: float) -> Measurement:
    return Measurement(prompt, cached, completion_tokens=4, ttft_ms=ms / 2, answer_ms=ms)


def test_percentiles_interpolate() -> None:
    assert percentiles(list(range(101))) == {"p50": 50, "p95": 95, "p99": 99}
    assert percentiles([7]) == {"p50": 7, "p95": 7, "p99": 7}
    assert percentiles([3, 1]) == {"p50": 2, "p95": 2.9, "p99": 2.98}


def test_the_reused_share_is_of_all_prompt_tokens() -> None:
    figures = summary([measurement(100, 0, 10), measurement(300, 300, 20)])
    assert figures["reused_share"] == 0.75
    assert figures["new_tokens"]["p50"] == 50
    assert figures["ttft_ms"]["p50"] == 7.5
    assert figures["answer_ms"]["p50"] == 15


def test_an_answer_without_the_model_has_no_prompt() -> None:
    assert summary([measurement(0, 0, 1)])["reused_share"] == 0


def write_trace(file: Path) -> Path:
    at = len(START) - 1
    txns = [{"patches": [[at + i, 0, key]]} for i, key in enumerate(TYPED)]
    content = {"startContent": START, "endContent": START[:at] + TYPED + START[at:], "txns": txns}
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def keystrokes(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "benchmarks" / "keystrokes.py")]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_it_measures_both_engines_on_the_same_keys(tmp_path: Path) -> None:
    trace, out = write_trace(tmp_path / "typing.json"), tmp_path / "out.json"
    done = keystrokes(
        *("--trace", trace, "--keystrokes", 6, "--skip", 2, "--generate-every", 3),
        *("--json", out, "--results", tmp_path / "results"),
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    fimbria, generate = result["engines"]["fimbria"], result["engines"]["generate"]
    assert (fimbria["keystrokes"], generate["keystrokes"]) == (6, 2)
    assert fimbria["reused_share"] > 0.5
    assert generate["reused_share"] == 0
    for figures in (fimbria, generate):
        for name in ("new_tokens", "ttft_ms", "answer_ms"):
            assert set(figures[name]) == {"p50", "p95", "p99"}
    assert result["config"]["keystrokes"] == 6
    assert "| fimbria | 6 |" in done.stdout
    written = {file.suffix for file in (tmp_path / "results").glob("*-keystrokes-typing.*")}
    assert written == {".md", ".json"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trace", "absent.json"], "No such file"),
        (["--trace", __file__], "is not an editing trace"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str) -> None:
    done = keystrokes(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_engine_is_named(tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "typing.json")
    done = keystrokes("--trace", trace, "--engines", "fimbria,vllm", "--results", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "'fimbria,vllm'" in done.stderr
