"""The next token: greedy, sampled, healed, mixed with what the document expects."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.api import SamplingParams
from model_runtime.ngrams import CacheDistribution, mix
from model_runtime.sampling import GreedyRows, Sampler

LOGITS = torch.log(torch.tensor([0.1, 0.4, 0.3, 0.2]))
GREEDY = SamplingParams()


def expectation(probs: dict[int, float], weight: float) -> CacheDistribution:
    return CacheDistribution(np.array(list(probs)), np.array(list(probs.values())), weight)


def test_greedy_takes_the_most_likely() -> None:
    token, logprob = Sampler(GREEDY).sample(LOGITS)
    assert (token, logprob) == (1, pytest.approx(math.log(0.4)))


def test_one_read_back_says_the_same_of_many_rows() -> None:
    rows = torch.randn(5, 100, generator=torch.Generator().manual_seed(0))
    one_by_one = [Sampler(GREEDY).sample(row) for row in rows]
    greedy = GreedyRows(rows)
    for at, (best, expected) in enumerate(one_by_one):
        assert greedy.choose(at, None) == (best, pytest.approx(expected, abs=1e-5))


def test_only_allowed_tokens_share_the_probability() -> None:
    token, logprob = Sampler(GREEDY).sample(LOGITS, allowed=[0, 3])
    assert (token, logprob) == (3, pytest.approx(math.log(0.2 / 0.3)))


def test_an_expectation_is_mixed_in_by_its_weight() -> None:
    expected = expectation({0: 1.0}, weight=0.5)
    token, logprob = Sampler(GREEDY).sample(LOGITS, None, expected)
    assert (token, logprob) == (0, pytest.approx(math.log(0.5 * 0.1 + 0.5)))


def test_an_expectation_concerns_allowed_tokens_only() -> None:
    """Under healing the model's few allowed tokens may be unlikely; they still have their share."""
    expected = expectation({0: 1.0}, weight=0.2)
    token, logprob = Sampler(GREEDY).sample(LOGITS, [0, 3], expected)
    assert (token, logprob) == (3, pytest.approx(math.log(0.8 * 0.2 / 0.3)))


@given(
    st.lists(st.floats(-8, 8), min_size=12, max_size=12),
    st.dictionaries(st.integers(0, 11), st.floats(0.01, 1), min_size=1),
    st.floats(0, 1),
)
def test_the_quick_greedy_choice_is_the_slow_one(
    logits: list[float], votes: dict[int, float], weight: float
) -> None:
    total = sum(votes.values())
    expected = expectation({token: vote / total for token, vote in votes.items()}, weight)
    row = torch.tensor([logits])
    token, logprob = GreedyRows(row).choose(0, expected)
    slow_token, slow_logprob = Sampler(GREEDY).sample(row[0], None, expected)
    assert logprob == pytest.approx(slow_logprob, abs=1e-4)
    if token != slow_token:  # as likely as each other, but for rounding
        assert logprob == pytest.approx(slow_logprob, abs=1e-5)


def test_sampling_follows_the_mixture() -> None:
    sampler = Sampler(SamplingParams(temperature=1.0, seed=1))
    expected = expectation({3: 1.0}, weight=0.5)
    drawn = [sampler.sample(LOGITS, None, expected)[0] for _ in range(4000)]
    shares = [drawn.count(token) / len(drawn) for token in range(4)]
    assert shares == pytest.approx([0.05, 0.2, 0.15, 0.6], abs=0.03)


def test_candidates_begin_with_different_tokens() -> None:
    firsts = [Sampler(GREEDY, rank=rank).sample(LOGITS)[0] for rank in range(6)]
    assert firsts == [1, 2, 3, 0, 0, 0]


def test_no_candidate_begins_with_a_forbidden_token() -> None:
    """Healing allows a few tokens; a later candidate once took one that it rules out."""
    firsts = [Sampler(GREEDY, rank=rank).sample(LOGITS, allowed=[0, 3])[0] for rank in range(4)]
    assert firsts == [3, 0, 0, 0]


def test_seeds_next_to_each_other_share_no_candidate() -> None:
    def drawn(seed: int, rank: int) -> list[int]:
        sampler = Sampler(SamplingParams(temperature=1.0, seed=seed), rank=rank)
        return [sampler.sample(torch.zeros(1000))[0] for _ in range(4)]

    assert drawn(1, 1) != drawn(2, 0)
    assert drawn(2**63 - 1, 3) == drawn(2**63 - 1, 3)


def test_the_mixture_is_that_of_the_reference() -> None:
    """ngrams.mix says in numpy what is computed here in torch."""
    expected = expectation({0: 0.25, 3: 0.75}, weight=0.4)
    logprobs = torch.log_softmax(LOGITS, -1).double().numpy()
    cache = CacheDistribution(expected.ids, expected.probs, 0.4)
    token, logprob = Sampler(GREEDY).sample(LOGITS, None, expected)
    assert (token, logprob) == (3, pytest.approx(mix(logprobs, cache).max(), abs=1e-6))


def test_only_the_first_token_of_a_candidate_is_not_the_best() -> None:
    sampler = Sampler(GREEDY, rank=1)
    assert [sampler.sample(LOGITS)[0] for _ in range(3)] == [2, 1, 1]
