"""What is measured about answers, on places so small that the right figures can be seen."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.quality import advice
from benchmarks.quality_answers import (
    Answer,
    DirectAnswers,
    Ending,
    EngineAnswers,
    Explorer,
    healed_prefix_first,
    open_direct,
    shared_len,
)
from benchmarks.quality_cache import Scope, Setting, index_of, looked_up, mixing, try_settings
from benchmarks.quality_calibration import (
    FEWEST_SHOWN,
    STATISTICS,
    Outcome,
    calibrate,
    choose_threshold,
    gated,
    mean,
    outcome,
    outcomes,
    steps,
)
from benchmarks.quality_habits import Habit, habits_of
from benchmarks.quality_items import (
    context_of,
    documents_in,
    halves,
    in_first_half,
    rests_of_lines,
    typed_places,
)
from benchmarks.quality_layouts import (
    CACHED_VARIANTS,
    PLAIN_VARIANTS,
    Variant,
    compare_layouts,
    first_word,
)
from benchmarks.quality_report import calibration_table, habits_table, layouts_table, steps_table
from model_runtime.api import Capability, CompletionRequest, Layout, ModelInfo
from model_runtime.engine import Engine
from model_runtime.loading import load_engine
from model_runtime.ngrams import CacheWeights
from training.corpus.build import Document
from training.evaluation.scoring import rest_of_line_task
from training.evaluation.tasks import Item
from training.fim import Hole

PREFIX = "def add(first, second):\n    return first + second\n\n\nprint(ad"
SUFFIX = "\n"
MODEL = ModelInfo(id="m", context_length=1024, capabilities=frozenset({Capability.INFILLING}))


@pytest.fixture(scope="module")
def starter(starter_folder: Path) -> DirectAnswers:
    return open_direct(starter_folder)


@pytest.fixture(scope="module")
def engine(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The starter without the cache language model, as `DirectAnswers` decodes it."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copytree(starter_folder, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "fimbria": {}}))
    opened = load_engine(folder, device="cpu", dtype="float32")
    yield opened
    opened.close()


class Parrot:
    """Answers every request with the same text."""

    def __init__(self, text: str, ending: Ending = Ending.STOP) -> None:
        self._answer = Answer(text, ending, (-0.5, -1.5))
        self.requests: list[CompletionRequest] = []

    def answer(self, request: CompletionRequest) -> Answer:
        self.requests.append(request)
        return self._answer


class Only:
    """A second opinion that knows one token."""

    def __init__(self, token: int) -> None:
        self._token = token

    def mixed(
        self, logprobs: Tensor, generated: Sequence[int], allowed: Sequence[int] | None
    ) -> Tensor:
        certain = torch.full_like(logprobs, -torch.inf)
        certain[self._token] = 0.0
        return certain


def request(prompt: str = PREFIX, suffix: str = SUFFIX, max_tokens: int = 12) -> CompletionRequest:
    return CompletionRequest(prompt=prompt, suffix=suffix, max_tokens=max_tokens, stop=("\n",))


def item(prefix: str, middle: str, suffix: str = "\n", problem: str = "p") -> Item:
    return Item(problem, Hole(prefix, middle, suffix))


def made(logprob: float, *, exact: bool, shown: str = "x", cluster: str = "p") -> Outcome:
    return Outcome(cluster, "", shown, exact, (logprob,))


# ---- answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [Layout.SPM, Layout.PSM])
@pytest.mark.parametrize("prompt", [PREFIX, "import os\n", "for index in ran"])
def test_direct_decoding_says_what_the_engine_says(
    starter: DirectAnswers, engine: Engine, layout: Layout, prompt: str
) -> None:
    asked = CompletionRequest(
        prompt=prompt, suffix=SUFFIX, max_tokens=16, stop=("\n",), layout=layout
    )
    expected, found = EngineAnswers(engine).answer(asked), starter.answer(asked)
    assert found.text == expected.text
    assert (found.ending is Ending.LENGTH) == (expected.ending is Ending.LENGTH)
    assert found.logprobs == pytest.approx(expected.logprobs, abs=1e-3)


def test_each_token_has_its_logprob(starter: DirectAnswers) -> None:
    found = starter.answer(request(max_tokens=5))
    assert 0 < len(found.logprobs) <= 5
    assert all(value <= 0 for value in found.logprobs)


def test_healing_leaves_only_tokens_that_bring_the_typed_text_back(starter: DirectAnswers) -> None:
    prompt = starter.renderer.render(request())
    assert prompt.healed.endswith(b"ad")
    ids = list(prompt.ids)
    logprobs = starter._next(ids, len(ids), prompt.healed, None)
    possible = (logprobs > -torch.inf).nonzero().flatten().tolist()
    pieces = [starter.renderer.tokenizer.token_bytes(i) for i in possible]
    assert pieces
    assert all(p.startswith(prompt.healed) or prompt.healed.startswith(p) for p in pieces)
    assert float(logprobs.exp().sum()) == pytest.approx(1, abs=1e-4)


def test_an_answer_ended_by_the_model_is_told_from_one_that_was_stopped(
    starter: DirectAnswers,
) -> None:
    fim = starter.renderer.fim
    assert fim is not None
    (newline,) = starter.renderer.tokenizer.encode_continuation("\n")
    asked = request(prompt="x = 1\n")
    assert starter.answer(asked, Only(fim.end)).ending is Ending.MODEL
    assert starter.answer(asked, Only(newline)).ending is Ending.STOP
    assert starter.answer(asked, Only(fim.end - 1000)).ending is Ending.LENGTH


def test_the_explorer_gives_the_same_logits_whatever_it_was_asked_before(
    starter: DirectAnswers,
) -> None:
    explorer = starter.explorer
    ids = starter.renderer.render(request()).ids
    alone = explorer.logits(ids).clone()
    explorer.forget()
    explorer.logits(ids[:5])
    explorer.logits([*ids[:7], 300, 301])
    torch.testing.assert_close(explorer.logits(ids), alone, rtol=0, atol=1e-4)


def test_what_is_known_costs_no_forward_pass(starter: DirectAnswers) -> None:
    class Spy:
        def __init__(self) -> None:
            self.calls = 0

        def __getattr__(self, name: str) -> object:
            return getattr(starter.explorer._model, name)

        def forward(self, *args: object) -> Tensor:
            self.calls += 1
            return torch.zeros(1, 8)

    spy = Spy()
    explorer = Explorer(spy, 64)  # type: ignore[arg-type]
    for ids in ([1, 2], [1, 2], [1, 2, 3]):
        explorer.logits(ids)
    assert spy.calls == 2
    explorer.forget()
    explorer.logits([1, 2])
    assert spy.calls == 3


def test_prefix_first_can_be_healed_for_comparison(starter: DirectAnswers) -> None:
    asked = CompletionRequest(prompt=PREFIX, suffix=SUFFIX, layout=Layout.PSM)
    healed = healed_prefix_first(starter.renderer, asked)
    plain = starter.renderer.render(asked)
    assert healed.healed.endswith(b"ad")
    assert len(healed.ids) < len(plain.ids)
    assert healed.ids[-1] == plain.ids[-1]


def test_shared_beginnings() -> None:
    assert shared_len([1, 2, 3], [1, 2, 4]) == 2
    assert shared_len([1, 2], [1, 2, 4]) == 2
    assert shared_len([], [1]) == 0


# ---- places --------------------------------------------------------------------------------


def test_source_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.py").write_bytes(b"value = 1\r\n" * 40)
    (tmp_path / "short.py").write_text("x = 1\n")
    (tmp_path / "picture.py").write_bytes(b"\xff\xfe" * 400)
    (tmp_path / "notes.txt").write_text("value\n" * 100)
    (found,) = documents_in(tmp_path)
    assert found.path == "deep/a.py"
    assert found.text == "value = 1\n" * 40


def test_a_folder_without_source_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no source files"):
        documents_in(tmp_path)


def test_places_are_where_somebody_types() -> None:
    text = "# a note\n\nfirst = second(third)\n" * 30
    places = typed_places([Document("p", "a.py", text)], 200)
    for place in places:
        typed = place.hole.prefix.rsplit("\n", 1)[-1]
        assert typed.strip()
        assert place.hole.text == text
        assert "\n" not in place.hole.middle
        assert place.hole.suffix.startswith("\n")
    assert any(not place.hole.middle for place in places)
    assert any(place.hole.prefix.endswith("# a") for place in places)


def test_no_file_is_in_both_halves() -> None:
    items = [item("x", "y", problem=f"file{n % 9}") for n in range(60)]
    first, second = halves(items)
    assert first
    assert second
    assert len(first) + len(second) == len(items)
    assert {i.problem for i in first}.isdisjoint(i.problem for i in second)
    assert all(in_first_half(i.problem) for i in first)


def test_the_context_is_what_the_language_server_sees() -> None:
    context = context_of(item("a = 1\nb = ", "2", "\nc = 3\n"))
    assert (context.prefix, context.suffix) == ("a = 1\nb = ", "\nc = 3\n")


# ---- layouts -------------------------------------------------------------------------------


def test_every_variant_is_scored_on_every_task(starter: DirectAnswers) -> None:
    task = rest_of_line_task([item("import os\nimport s", "ys")])
    variants = [*PLAIN_VARIANTS, Variant(Layout.SPM, heal=True, cached=True)]
    rows = list(compare_layouts(starter, [task], variants))
    assert [row.variant for row in rows] == ["PSM", "PSM + healing", "SPM", "SPM + healing"]
    assert all(row.score.num_items == 1 for row in rows)
    assert len(layouts_table(rows)) == 2 + len(rows)


def test_the_cached_variant_mixes_the_document_in(starter: DirectAnswers) -> None:
    prefix = "zork_quux = frobnicate(9137)\n" * 4 + "zork_quux = frob"
    task = rest_of_line_task([item(prefix, "nicate(9137)")])
    weights = CacheWeights(weight=0.95, half_length=1.0)
    (row,) = compare_layouts(starter, [task], CACHED_VARIANTS, mixing(starter.renderer, weights))
    assert row.variant == "SPM + healing + cache model"
    assert row.score.exact_shown == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("value)", "value"),
        (" = 3", " ="),
        ("):\n", "):"),
        ("", ""),
        ("  \n", ""),
        ("\n  x y", "\n  x"),
    ],
)
def test_first_words(text: str, expected: str) -> None:
    assert first_word(text) == expected


# ---- cache language model ------------------------------------------------------------------


def test_the_cache_copies_what_the_document_says(starter: DirectAnswers) -> None:
    prefix = "zork_quux = frobnicate(9137)\n" * 4 + "zork_quux = frob"
    task = rest_of_line_task([item(prefix, "nicate(9137)")])
    without = Setting(CacheWeights(), Scope.PROMPT)
    with_cache = Setting(CacheWeights(weight=0.95, half_length=1.0), Scope.DOCUMENT)
    best, *_ = try_settings(starter, task, [without, with_cache])
    assert best.score.exact_shown == 1
    nothing = next(t for t in try_settings(starter, task, [without]))
    plain = compare_layouts(starter, [task], [Variant(Layout.SPM, heal=True)])
    assert next(plain).score.edit_similarity == nothing.score.edit_similarity


def test_the_document_holds_more_than_the_prompt(starter: DirectAnswers) -> None:
    asked = request(prompt="value = 1\n" * 2000)
    prompt = starter.renderer.render(asked)
    sizes = [len(index_of(scope, prompt, asked, starter.renderer)) for scope in Scope]
    assert sizes[0] == len(prompt.ids)
    assert sizes[1] > 5 * sizes[0]


def test_the_floor_is_a_lookup_in_the_file() -> None:
    task = rest_of_line_task([item("import sys\nimport sys\nimp", "ort sys")])
    assert looked_up(task).exact_shown == 1


# ---- calibration ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "shown", "exact"),
    [
        ("second(1)", "second(1)", True),
        ("second(1)  ", "second(1)", True),
        ("third", "third", False),
        ("   ", "", False),
        ("second(1)\nmore", "second(1)", True),
    ],
)
def test_what_the_editor_would_show_is_judged(answer: str, shown: str, exact: bool) -> None:
    parrot = Parrot(answer)
    place = item("first = ", "second(1)", "\nmore\n", problem="a.py")
    found = outcome(parrot, place, MODEL)
    assert (found.shown, found.exact) == (shown, exact)
    assert (found.cluster, found.line_before) == ("a.py", "first = ")
    assert found.logprobs == (-0.5, -1.5)
    assert parrot.requests[0].stop == ("\n",)


def test_nothing_to_say_at_the_end_of_a_line_is_not_exact_but_not_shown() -> None:
    found = outcome(Parrot(""), item("first = 1", "", "\n"), MODEL)
    assert (found.shown, found.exact) == ("", False)
    assert not outcome(Parrot(" + 2"), item("first = 1", "", "\n"), MODEL).exact


def test_a_replaced_bracket_is_right_once() -> None:
    found = outcome(Parrot("second)"), item("print(", "second", ")\n"), MODEL)
    assert found.exact


def test_the_threshold_lets_as_much_through_as_the_precision_allows() -> None:
    sure = [made(-0.1, exact=True) for _ in range(FEWEST_SHOWN)]
    unsure = [made(-1.0, exact=False) for _ in range(FEWEST_SHOWN)]
    hopeless = [made(-3.0, exact=False) for _ in range(2 * FEWEST_SHOWN)]
    silent = [made(-0.01, exact=False, shown="")] * 5
    found = [*sure, *unsure, *hopeless, *silent]
    assert choose_threshold(found, mean, 0.5) == pytest.approx(-1.0)
    assert choose_threshold(found, mean, 0.9) == pytest.approx(-0.1)
    share = gated(found, mean, -1.0)
    assert (share.requests, share.shown, share.exact) == (len(found), 40, 20)
    assert share.precision == 0.5
    assert share.shown_share == pytest.approx(40 / len(found))


def test_no_threshold_helps_a_model_that_is_never_right() -> None:
    found = [made(-0.1, exact=False) for _ in range(100)]
    assert choose_threshold(found, mean, 0.4) == math.inf
    assert gated(found, mean, math.inf).shown == 0


def test_few_suggestions_prove_nothing() -> None:
    found = [made(-0.1, exact=True)] * (FEWEST_SHOWN - 1) + [made(-1, exact=False)] * 100
    assert choose_threshold(found, mean, 0.9) == math.inf


def test_equally_likely_suggestions_pass_together() -> None:
    sure = [made(-0.101, exact=True) for _ in range(FEWEST_SHOWN)]
    in_the_same_step = [made(-0.105, exact=False) for _ in range(FEWEST_SHOWN)]
    found = [*sure, *in_the_same_step]
    assert choose_threshold(found, mean, 0.9) == math.inf
    assert choose_threshold(found, mean, 0.5) == -0.11


def test_answers_without_logprobs_cannot_be_calibrated() -> None:
    class Silent:
        def answer(self, request: CompletionRequest) -> Answer:
            return Answer("x", Ending.STOP, ())

    with pytest.raises(ValueError, match="no log-probabilities"):
        outcomes(Silent(), [item("first = ", "second")], MODEL)


def test_statistics_of_an_answer() -> None:
    values = {name: statistic((-1.0, -2.0, -6.0)) for name, statistic in STATISTICS.items()}
    assert values == {"mean": -3, "mean without the end": -1.5, "sum": -9, "minimum": -6}
    assert STATISTICS["mean without the end"]((-2.0,)) == -2


def test_steps_go_from_strict_to_everything() -> None:
    found = [made(-0.1 * n, exact=n < 5) for n in range(20)]
    values = steps(found, mean, 4)
    assert values == sorted(values, reverse=True)
    assert [gated(found, mean, value).shown for value in values] == [5, 10, 15, 20]
    assert len(steps_table(found)) == 2 + 10


def test_what_to_write_into_the_configuration() -> None:
    good = [made(-0.1, exact=True, cluster=f"f{n}") for n in range(40)]
    bad = [made(-2.0, exact=False, cluster=f"g{n}") for n in range(400)]
    calibrations = calibrate(good + bad, good + bad, 0.4)
    (line,) = advice(calibrations, 0.4)
    assert '"min_mean_logprob": -0.10' in line or '"min_mean_logprob": -0.11' in line
    assert len(calibration_table(calibrations)) == 2 + len(STATISTICS)
    (line,) = advice(calibrate(bad, bad, 0.4), 0.4)
    assert "No threshold" in line


# ---- habits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "text", "expected"),
    [
        ("x = 1\n", "y = 2", set()),
        ("x = 1\nx", " = 1", {Habit.REPEATS_ABOVE}),
        ("x = 1\n", "    y = 2", {Habit.TOO_DEEP}),
        ("if x:\n", "    y = 2", set()),
        ("x = (\n", "    y,", set()),
        ("if x:\n    y = 1\n", "   z = 2", {Habit.UNEVEN}),
        ("print(", "x))", {Habit.CLOSES_TOO_MUCH}),
        ("print((\n    x", "))", set()),
        ("print(", "x", {Habit.LEAVES_OPEN}),
        ("print(", "x,", set()),
        ("print(", "')')", set()),
    ],
)
def test_bad_habits(prefix: str, text: str, expected: set[Habit]) -> None:
    context = context_of(item(prefix, ""))
    assert habits_of(context, text, cut_short=False) == expected
    assert habits_of(context, text, cut_short=True) == expected | {Habit.UNFINISHED}


def test_habits_are_counted_among_what_passes() -> None:
    found = [
        replace(made(-0.1, exact=True), habits=frozenset({Habit.UNEVEN})),
        made(-0.2, exact=False),
        replace(made(-3.0, exact=False), habits=frozenset({Habit.UNEVEN})),
    ]
    line = next(line for line in habits_table(found, -1.0) if Habit.UNEVEN in line)
    assert line.endswith("| 50.0% (1) | 1 |")


def test_places_come_from_the_given_files() -> None:
    text = "total = first + second\nreturn_value = compute(total)\n" * 20
    places = rests_of_lines([Document("p", "a.py", text)], 20)
    assert {place.problem for place in places} == {"p/a.py"}
