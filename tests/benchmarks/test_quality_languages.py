"""What a model shows in languages that it does not know, on places so small that the right figures
can be seen.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.quality import languages
from benchmarks.quality_answers import Answer, Ending
from benchmarks.quality_languages import (
    documents_by_language,
    languages_report,
    places,
    threshold_in,
    try_language,
)
from model_runtime.api import Capability, CompletionRequest, ModelInfo
from training.corpus.build import Document

MODEL = ModelInfo(
    id="m",
    context_length=1024,
    capabilities=frozenset({Capability.INFILLING}),
    min_token_logprob=-2.0,
    languages=("python",),
    min_token_logprob_elsewhere=-0.5,
)
LINES = ("    value = compute(first)", "    other = find(second)")
TEXT = "\n".join([*LINES, ""]) * 20


class Knowing:
    """Finishes the two lines that it knows, as sure as it is told to be."""

    def __init__(self, logprob: float) -> None:
        self._logprob = logprob

    def answer(self, request: CompletionRequest) -> Answer:
        above, typed = ["", *request.prompt.split("\n")][-2:]
        line = next(each for each in LINES if each.startswith(typed) and each != above)
        return Answer(line[len(typed) :], Ending.STOP, (self._logprob,))


def test_texts_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in ("a.js", "b.js", "c.svelte", "d.md"):
        (tmp_path / name).write_text(f"{name} says more than a word\n" * 20)
    (tmp_path / "short.js").write_text("x")
    found = documents_by_language(tmp_path)
    assert {language: len(each) for language, each in found.items()} == {
        "javascript": 2,
        "svelte": 1,
        "md": 1,
    }
    with pytest.raises(ValueError, match="no texts"):
        documents_by_language(tmp_path / "none")


def test_places_are_where_somebody_writes() -> None:
    found = places([Document("p", "a.py", TEXT)], 10)
    assert len(found) == 10
    assert found == places([Document("p", "a.py", TEXT)], 10)
    for first, second, third, within, beginning in (found[:5], found[5:]):
        written = [each.hole for each in (first, second, third)]
        assert [each.suffix for each in written] == ["", "", ""]
        assert sorted(each.prefix for each in written) == [each.prefix for each in written]
        assert within.hole.text == beginning.hole.text == TEXT
        assert beginning.hole.prefix.endswith("    ")
        assert f"    {beginning.hole.middle}" in LINES


def test_a_threshold_for_each_language() -> None:
    assert threshold_in(MODEL, "python") == -2.0
    assert threshold_in(MODEL, "lua") == -0.5
    assert threshold_in(MODEL, "markdown") == float("inf")
    assert threshold_in(replace(MODEL, min_token_logprob_elsewhere=None), "lua") == -2.0
    assert threshold_in(replace(MODEL, languages=()), "markdown") == -2.0


def test_the_table_says_what_is_shown_and_right() -> None:
    documents = [Document("p", f"{number}.x", TEXT) for number in range(8)]
    doubtful, certain = Knowing(-1.0), Knowing(-0.1)
    tried = [
        try_language(doubtful, "python", documents, 20, MODEL),
        try_language(doubtful, "lua", documents, 20, MODEL),
        try_language(certain, "markdown", documents, 20, MODEL),
    ]
    report = languages_report(tried, MODEL)
    shown = sum(bool(each.shown) for each in tried[0].outcomes)
    cells = f"{shown / 20:.0%}, 100%, 100%"
    assert f"| python | 20 | {cells} | {cells} |" in report
    assert f"| lua | 20 | {cells} | nothing |" in report
    assert f"| markdown | 20 | {cells} | nothing |" in report


def test_measuring_the_starter(
    starter_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, suffix in (("home", "py"), ("texts", "js")):
        (tmp_path / folder).mkdir()
        for number in range(3):
            line = f"value_{number} = compute({number}, other)\n"
            (tmp_path / folder / f"{number}.{suffix}").write_text(line * 30)
    languages(
        files=tmp_path / "texts",
        home=tmp_path / "home",
        model=str(starter_folder),
        places=5,
        results=tmp_path,
    )
    output = capsys.readouterr().out
    assert "| javascript | 5 |" in output
    assert "| python | 20 |" in output
    (record,) = tmp_path.glob("*-quality-languages.json")
    names = [each["language"] for each in json.loads(record.read_text())["languages"]]
    assert names == ["javascript", "python"]
