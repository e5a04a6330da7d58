"""What is measured about answers, on places so small that the right figures can be seen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.quality_answers import (
    DirectAnswers,
    Ending,
    EngineAnswers,
    Explorer,
    healed_prefix_first,
    open_direct,
    shared_len,
)
from benchmarks.quality_cache import Scope, Setting, index_of, looked_up, mixing, try_settings
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
from benchmarks.quality_report import layouts_table
from model_runtime.api import CompletionRequest, Layout
from model_runtime.engine import Engine
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from model_runtime.ngrams import CacheWeights
from training.corpus.build import Document
from training.evaluation.scoring import rest_of_line_task
from training.evaluation.tasks import Item
from training.fim import Hole

PREFIX = "def add(first, second):\n    return first + second\n\n\nprint(ad"
SUFFIX = "\n"


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
    opened = load_engine(folder, LoadOptions(device="cpu", dtype="float32"))
    yield opened
    opened.close()


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


def test_places_come_from_the_given_files() -> None:
    text = "total = first + second\nreturn_value = compute(total)\n" * 20
    places = rests_of_lines([Document("p", "a.py", text)], 20)
    assert {place.problem for place in places} == {"p/a.py"}
