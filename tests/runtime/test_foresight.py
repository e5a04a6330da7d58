"""What a candidate knows in advance."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_runtime.api import CompletionRequest, Layout
from model_runtime.config import read_config
from model_runtime.drafting import DraftPolicy
from model_runtime.foresight import Foresight, Lookahead
from model_runtime.kv_cache.slots import SlotIndex
from model_runtime.ngrams import CacheWeights
from model_runtime.prompt_opening import open_renderer
from model_runtime.prompts import PromptRenderer
from model_runtime.step_costs import StepCosts

CHEAP = StepCosts.fitted([(1, 10.0), (64, 11.0)])
FAR = "def remember_me(first, second):\n    return first\n\n\n"
FILLING = "".join(f"value_{i} = compute({i})\n" for i in range(900))


@pytest.fixture
def renderer(starter_folder: Path) -> PromptRenderer:
    return open_renderer(starter_folder, read_config(starter_folder))


def ahead(renderer: PromptRenderer, request: CompletionRequest, weights: CacheWeights) -> Foresight:
    tokenizer = renderer.tokenizer
    controls = frozenset(i for i, piece in enumerate(tokenizer.vocabulary) if not piece)
    lookahead = Lookahead(tokenizer, DraftPolicy(CHEAP), weights, controls)
    prompt = renderer.render(request)
    placement = SlotIndex(1, 1024).place(prompt.ids)
    assert placement is not None
    return lookahead.foresight(request, prompt, placement)


@pytest.mark.parametrize("layout", [Layout.SPM, Layout.PSM, Layout.FROZEN])
@pytest.mark.parametrize(
    ("before", "after"),
    [(FAR + FILLING, ""), ("", "\n" + FILLING + FAR)],
    ids=["before the window", "behind the window"],
)
def test_text_that_the_model_does_not_see_is_known(
    renderer: PromptRenderer, layout: Layout, before: str, after: str
) -> None:
    """Drafts and expectations come from the whole file, not from the model's window only."""
    request = CompletionRequest(
        prompt=before + "x = 1\ndef remember_me(first,", suffix=after, layout=layout, heal=False
    )
    weights = CacheWeights(weight=0.5)
    decode = renderer.tokenizer.decode
    assert decode(ahead(renderer, request, weights).propose(4, None, 0)).startswith(" second")
    expected = ahead(renderer, request, weights).expectation([], None)
    assert expected is not None
    best = decode([int(expected.ids[expected.probs.argmax()])])
    assert " second".startswith(best)


def test_a_given_draft_begins_with_what_healing_took_away(renderer: PromptRenderer) -> None:
    request = CompletionRequest(prompt="def f(x):\n    retu", suffix="", drafts=("rn x + 1",))
    proposed = ahead(renderer, request, CacheWeights()).propose(8, None, 0)
    assert renderer.tokenizer.decode(proposed).startswith("return x")


def test_without_speculation_nothing_is_proposed(renderer: PromptRenderer) -> None:
    request = CompletionRequest(prompt="a = 1\na = ", drafts=("1",), speculate=False)
    assert ahead(renderer, request, CacheWeights()).propose(8, None, 0) == []
