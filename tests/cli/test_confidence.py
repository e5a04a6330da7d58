"""What `fimbria complete` says about how sure the model was, and about several candidates."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from io import BytesIO, TextIOWrapper
from typing import Any

import pytest

from lsp_server.cli.app import run
from lsp_server.cli.asking import Filling, Shown
from lsp_server.cli.render import confidence_line
from lsp_server.cli.session import Services
from model_runtime.api import Candidate, Chunk, Event, Finished, FinishReason, ModelInfo
from tests.cli.fakes import TIMINGS, USAGE, FakeRuntime

CERTAIN, LIKELY, DOUBTFUL = -0.1, -0.5, -3.0


class Answers:
    """Runs `fimbria complete` on what a fake runtime says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(
        self, *arguments: str, events: Sequence[Event], threshold: float | None = None
    ) -> str:
        marked = TextIOWrapper(BytesIO(b"def f():\n    return <FILL>\n"), encoding="utf-8")
        self._monkeypatch.setattr(sys, "stdin", marked)
        self.runtime = FakeRuntime(events=events, min_mean_logprob=threshold)
        assert run(["complete", "-", *arguments], Services(self.runtime.make)) == 0
        return self._capsys.readouterr().out

    def json(self, *arguments: str, **said: Any) -> Any:
        return json.loads(self("--json", *arguments, **said))


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answers:
    return Answers(monkeypatch, capsys)


def finished(*candidates: Candidate) -> Finished:
    return Finished(FinishReason.STOP, USAGE, TIMINGS, candidates)


def doubtful(first_drop: int | None = None) -> list[Event]:
    end = Candidate(FinishReason.STOP, DOUBTFUL, first_drop)
    return [Chunk("a", logprobs=(DOUBTFUL,)), finished(end)]


def test_the_confidence_is_shown(complete: Answers) -> None:
    events: list[Event] = [
        Chunk("a", logprobs=(CERTAIN,)),
        Chunk(" + b", logprobs=(-0.3,)),
        finished(Candidate(FinishReason.STOP, -0.2, first_drop=1)),
    ]
    assert (
        "82% sure of each token (mean log-probability -0.20) · first doubt after 1 character\n"
    ) in complete(events=events)
    assert complete.json(events=events)["confidence"] == {
        "mean_logprob": pytest.approx(-0.2),
        "first_drop": 1,
        "editor_shows": "all",
    }


def test_what_an_editor_would_withhold_is_shown_all_the_same(complete: Answers) -> None:
    events = doubtful(first_drop=0)
    output = complete(events=events, threshold=-1.0)
    assert "return ‹a›" in output
    assert "an editor shows it only on demand, below -1.00" in output
    answer = complete.json(events=events, threshold=-1.0)
    assert (answer["text"], answer["confidence"]["editor_shows"]) == ("a", "nothing")


def test_a_model_without_a_mean_to_reach_may_show_nothing_either() -> None:
    model = ModelInfo(id="m", context_length=99, capabilities=frozenset(), min_token_logprob=-2.0)
    filling = Filling(text="a", mean_logprob=DOUBTFUL, first_drop=0, shown=Shown.NOTHING)
    assert confidence_line(filling, DOUBTFUL, model).endswith("an editor shows it only on demand")


def test_what_an_editor_would_cut_is_shown_whole(complete: Answers) -> None:
    events: list[Event] = [
        Chunk("(\n", logprobs=(CERTAIN,)),
        Chunk("        a,\n", logprobs=(CERTAIN,)),
        Chunk("        b\n    )", logprobs=(DOUBTFUL, CERTAIN, CERTAIN)),
        finished(Candidate(FinishReason.STOP, LIKELY, first_drop=13)),
    ]
    output = complete(events=events, threshold=-2.0)
    assert "        b\n" in output
    assert "an editor shows the lines before the doubtful one" in output


def test_without_a_threshold_an_editor_shows_everything(complete: Answers) -> None:
    events = doubtful()
    assert complete.json(events=events)["confidence"]["editor_shows"] == "all"


def test_all_that_the_model_writes_is_not_compared_with_an_editor(complete: Answers) -> None:
    events = doubtful()
    output = complete("--lines", "single", events=events, threshold=-1.0)
    assert "5% sure" in output
    assert "an editor" not in output


def test_candidates_are_shown_one_after_the_other(complete: Answers) -> None:
    events: list[Event] = [
        Chunk("a", index=0, logprobs=(CERTAIN,)),
        Chunk("b", index=1, logprobs=(LIKELY,)),
        Chunk(" + 1", index=0, logprobs=(CERTAIN,)),
        finished(Candidate(FinishReason.STOP, CERTAIN), Candidate(FinishReason.LENGTH, LIKELY)),
    ]
    output = complete("--candidates", "2", events=events)
    shown = ["1 of 2\n", "return ‹a + 1›", "90% sure", "2 of 2\n", "return ‹b›", "61% sure"]
    places = [output.index(text) for text in shown]
    assert places == sorted(places)
    assert output.count("3 tokens in 6 ms") == 1
    answer = complete.json("--candidates", "2", events=events)
    assert complete.runtime.requests[0].num_candidates == 2
    assert answer["text"] == "a + 1"
    assert [one["text"] for one in answer["candidates"]] == ["a + 1", "b"]
    assert [one["finish_reason"] for one in answer["candidates"]] == ["stop", "length"]
