"""Short runs of the real thing: the whole way, and engine beside engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.keystrokes import chosen_engines

PROJECT = Path(__file__).resolve().parent.parent.parent
START = "def add(a, b):\n    return a + b\n\n\n"
TYPED = "print(add"


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


def test_it_measures_the_whole_way_beside_generate(tmp_path: Path) -> None:
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
    assert result["ratios"]["generate"]["keystrokes"] == 2
    assert "| fimbria | 6 |" in done.stdout
    assert "| prompt tokens reused | ≥ 95% |" in done.stdout
    written = {file.suffix for file in (tmp_path / "results").glob("*-keystrokes-typing.*")}
    assert written >= {".md", ".json"}


def test_fixed_answers_have_the_same_length_everywhere(tmp_path: Path) -> None:
    trace, out = write_trace(tmp_path / "typing.json"), tmp_path / "out.json"
    done = keystrokes(
        *("--trace", trace, "--blocks", 2, "--block", 2, "--fixed", "--json", out),
        *("--engines", "fimbria,fimbria-undrafted,generate-cached", "--results", tmp_path / "new"),
    )
    assert done.returncode == 0, done.stderr
    engines: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))["engines"]
    assert list(engines) == ["fimbria", "fimbria-undrafted", "generate-cached"]
    for figures in engines.values():
        assert (figures["keystrokes"], figures["mean_answer_tokens"]) == (4, 24)
        assert figures["without_model"] == 0
    assert engines["fimbria-undrafted"]["draft_tokens"] == 0
    assert len(list((tmp_path / "new").glob("*-keystrokes-typing-fixed.md"))) == 1


def test_engines_are_chosen_by_name() -> None:
    assert chosen_engines(" fimbria, generate ,fimbria,", fixed=False) == ("fimbria", "generate")
    for names in ("", "fimbria,vllm"):
        with pytest.raises(ValueError, match="--engines takes some of"):
            chosen_engines(names, fixed=True)
    with pytest.raises(ValueError, match="--fixed only"):
        chosen_engines("fimbria-undrafted", fixed=False)


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
