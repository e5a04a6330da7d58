"""Infilling benchmarks: reading their files, comparing answers, published figures."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import evaluation_items
from model_runtime.api import Layout, RuntimeFailure
from model_runtime.evaluation import (
    Answer,
    edit_similarity,
    first_line,
    interval,
    levenshtein,
    published,
    score,
)
from model_runtime.evaluation_items import Benchmark, Item, benchmark_of, fetch, read_items

RECORD = {
    "task_id": "SingleLineInfilling/HumanEval/7/L2",
    "prompt": "def double(x):\n",
    "suffix": "",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
    "entry_point": "double",
}
ITEM = Item("HumanEval/7", "def double(x):\n", "", "    return 2 * x\n", "check")
short_texts = st.text("ab \n", max_size=6)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "HumanEval-SingleLineInfilling.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for number in range(20):
            name = f"SingleLineInfilling/HumanEval/{number}/L2"
            lines.write(json.dumps(RECORD | {"task_id": name}) + "\n")
    return path


def answered(text: str, shown: str = "") -> Answer:
    return Answer(text, shown, ended=True)


def test_items_hold_what_is_asked_and_how_it_is_checked(file: Path) -> None:
    item = read_items(file, None)[7]
    assert (item.problem, item.prefix) == ("HumanEval/7", "def double(x):\n")
    names: dict[str, object] = {}
    exec(f"{item.program(item.middle)}\n{item.check}", names)
    with pytest.raises(AssertionError):
        exec(f"{item.program('    return x')}\n{item.check}", names)


def test_plain_files_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(RECORD) + "\n\n", encoding="utf-8")
    (item,) = read_items(path, None)
    assert item.middle == "    return 2 * x\n"


def test_a_limit_takes_always_the_same_ones(file: Path) -> None:
    some = [item.problem for item in read_items(file, 5)]
    assert len(set(some)) == 5
    assert some == [item.problem for item in read_items(file, 5)]
    assert len(read_items(file, 99)) == 20


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[1]\n", b"no json\n", b"\xff\n"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content)
    with pytest.raises(RuntimeFailure, match=r"no infilling benchmark|is empty"):
        read_items(path, None)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="There is no file"):
        read_items(tmp_path / "mine.jsonl", None)


def test_benchmarks_are_known_by_their_files() -> None:
    assert benchmark_of(Path("a/HumanEval-SingleLineInfilling.jsonl")) is Benchmark.SINGLE_LINE
    light = Path("HumanEval-RandomSpanInfillingLight.jsonl.gz")
    assert benchmark_of(light) is Benchmark.RANDOM_SPAN_LIGHT
    assert benchmark_of(Path("mine.jsonl")) is None


def test_a_file_is_downloaded_once(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_items, "DOWNLOAD_URL", file.parent.as_uri())
    fetched = fetch(Benchmark.SINGLE_LINE, tmp_path / "cache")
    assert fetched.read_bytes() == file.read_bytes()
    file.unlink()
    assert fetch(Benchmark.SINGLE_LINE, tmp_path / "cache") == fetched
    with pytest.raises(RuntimeFailure, match="cannot be downloaded") as caught:
        fetch(Benchmark.MULTI_LINE, tmp_path / "cache")
    assert "--data" in caught.value.hint
    assert [one.name for one in (tmp_path / "cache").iterdir()] == [fetched.name]


def test_exact_matches_whole_as_shown_and_of_the_first_line() -> None:
    answers = [
        answered("    return 2 * x\n", "    return 2 * x"),
        answered("    return 2 * x\n\nprint()\n", "    return 2 * x"),
        answered("    return x\n", "    return x"),
        answered("", ""),
    ]
    found = score([ITEM] * 4, answers, None)
    assert found.exact_match == 0.25
    assert found.exact_match_as_shown == found.exact_match_first_line == 0.5
    assert found.pass_at_1 is None
    assert 0 < found.edit_similarity < found.edit_similarity_as_shown < 1


def test_programs_are_run_with_their_check() -> None:
    seen: list[str] = []

    def passes(program: str) -> bool:
        seen.append(program)
        return "2 * x" in program

    answers = [answered("    return 2 * x\n"), answered("    return x\n")]
    assert score([ITEM] * 2, answers, passes).pass_at_1 == 0.5
    assert seen[0] == "def double(x):\n    return 2 * x\n\ncheck"


def test_items_without_a_test_have_no_pass_rate() -> None:
    item = Item("a", "x = ", "\n", "1")
    assert score([item], [answered("1")], lambda _: True).pass_at_1 is None


def test_the_papers_figures_stand_beside_their_own_layout() -> None:
    spm = {one.what: one.value for one in published(Benchmark.SINGLE_LINE, Layout.SPM)}
    assert spm["Code Llama 7B, pass@1"] == 83.3
    assert spm["Code Llama 7B, exact match"] == 72.7
    psm = {one.what: one.value for one in published(Benchmark.RANDOM_SPAN_LIGHT, Layout.PSM)}
    assert psm == {"Code Llama 7B, pass@1": 59.7, "Code Llama 13B, pass@1": 63.6}
    assert published(None, Layout.SPM) == published(Benchmark.MULTI_LINE, Layout.FROZEN) == []


@given(short_texts, short_texts, short_texts)
def test_edit_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert (levenshtein(a, b) == 0) == (a == b)
    assert levenshtein(a, b) == levenshtein(b, a)
    assert levenshtein(a, c) <= levenshtein(a, b) + levenshtein(b, c)
    assert 0 <= edit_similarity(a, b) <= 1


def test_edit_distance_of_known_words() -> None:
    assert levenshtein("kitten", "sitting") == 3
    assert first_line("\n  a\nb") == "\n  a"


def test_items_of_one_problem_count_as_one_observation() -> None:
    hits = [True] * 50 + [False] * 50
    low, high = interval([str(number) for number in range(100)], hits)
    assert 0.38 < low < 0.5 < high < 0.62
    assert interval(["a"] * 50 + ["b"] * 50, hits) == (0.0, 1.0)


def test_none_and_all_of_a_few_are_no_certainty() -> None:
    """A single miss once was "0.0 % to 0.0 %"."""
    assert interval(["a"], [False]) == pytest.approx((0, 0.793), abs=1e-3)
    assert interval(["a", "b"] * 5, [True] * 10) == pytest.approx((0.342, 1), abs=1e-3)
    assert interval(list("abcdefghij"), [True] * 10) == pytest.approx((0.722, 1), abs=1e-3)
