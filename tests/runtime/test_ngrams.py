"""Earlier occurrences of the text's end, against the naive way to look for them."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.ngrams import CacheDistribution, CacheModel, CacheWeights, NgramIndex, mix

# Few different tokens, so that much repeats.
tokens = st.integers(0, 3)
texts = st.lists(tokens, max_size=60)
some_tokens = st.none() | st.frozensets(tokens)
WEIGHTS = CacheWeights(weight=0.8)


def naive_matches(
    text: Sequence[int], max_n: int, allowed: AbstractSet[int] | None
) -> list[tuple[int, int]]:
    """(end, number of agreeing tokens) of every earlier occurrence, the most recent first."""
    found = []
    for end in reversed(range(len(text))):
        longest = max(n for n in range(max_n + 1) if n <= end and same_end(text, end, n))
        if (longest > 0) if allowed is None else (text[end] in allowed):
            found.append((end, longest))
    return found


def same_end(text: Sequence[int], end: int, n: int) -> bool:
    return text[end - n : end] == text[len(text) - n :]


@given(texts, texts, texts, st.integers(1, 6), some_tokens)
def test_matches_are_what_a_naive_search_finds(
    first: list[int],
    second: list[int],
    after: list[int],
    max_n: int,
    allowed: frozenset[int] | None,
) -> None:
    index = NgramIndex(first, max_n=max_n)
    index.extend(second)
    found = index.matches(after, allowed=allowed)
    text = first + second + after
    expected = naive_matches(text, max_n, allowed)
    assert list(zip(found.ends.tolist(), found.lengths.tolist(), strict=True)) == expected
    assert found.next_ids.tolist() == [text[end] for end, _ in expected]
    assert found.size == len(text)
    assert found.longest == max((n for _, n in expected), default=0)
    assert len(index) == len(first) + len(second)


@given(texts, texts, st.integers(1, 12))
def test_a_continuation_is_copied_from_the_most_recent_of_the_longest_matches(
    text: list[int], after: list[int], limit: int
) -> None:
    copied = NgramIndex(text, max_n=5).continuation(limit, after)
    whole = text + after
    found = naive_matches(whole, 5, None)
    if not found:
        assert copied.ids == []
        return
    end, length = max(found, key=lambda match: (match[1], match[0]))
    for i in range(end, end + limit):
        whole.append(whole[i])
    assert copied.ids == whole[-limit:]
    assert copied.length == length


@given(texts, texts, some_tokens)
def test_looking_ahead_is_the_same_as_having_been_told(
    text: list[int], after: list[int], allowed: frozenset[int] | None
) -> None:
    ahead = CacheModel(NgramIndex(text), WEIGHTS).distribution(after, allowed=allowed)
    told = CacheModel(NgramIndex(text + after), WEIGHTS).distribution(allowed=allowed)
    assert ahead.ids.tolist() == told.ids.tolist()
    assert ahead.probs.tolist() == told.probs.tolist()
    assert ahead.weight == told.weight


@given(texts, st.integers(1, 12))
def test_control_tokens_are_never_proposed(text: list[int], limit: int) -> None:
    index = NgramIndex(text, control_ids={2})
    assert 2 not in index.matches().next_ids
    assert 2 not in index.matches(allowed={1, 2}).next_ids
    assert 2 not in index.continuation(limit).ids


def test_a_pattern_that_repeats_is_continued_past_its_end() -> None:
    assert NgramIndex([7, 1, 2, 1, 2]).continuation(5).ids == [1, 2, 1, 2, 1]


def test_a_continuation_ends_before_a_control_token() -> None:
    assert NgramIndex([1, 5, 6, 9, 1], control_ids={9}).continuation(8).ids == [5, 6]


@given(texts, some_tokens)
def test_the_cache_is_a_distribution_over_what_followed(
    text: list[int], allowed: frozenset[int] | None
) -> None:
    cache = CacheModel(NgramIndex(text), WEIGHTS).distribution(allowed=allowed)
    if cache.weight == 0:
        return
    assert cache.probs.sum() == pytest.approx(1)
    assert np.all(cache.probs > 0)
    assert 0 < cache.weight < WEIGHTS.weight
    assert allowed is None or set(cache.ids.tolist()) <= allowed


def test_longer_and_more_recent_occurrences_count_for_more() -> None:
    longer = CacheModel(NgramIndex([1, 2, 3, 9, 2, 4, 1, 2]), WEIGHTS).distribution()
    assert longer.ids.tolist() == [3, 4]
    assert longer.probs[0] > longer.probs[1]
    recent = CacheModel(NgramIndex([2, 3, 9, 2, 4, 1, 2]), WEIGHTS).distribution()
    assert recent.ids.tolist() == [3, 4]
    assert recent.probs[1] > recent.probs[0]
    assert longer.weight > recent.weight


def test_only_the_most_recent_of_equal_occurrences_is_left_of_a_short_memory() -> None:
    text = [1, 2, *range(10, 3000), 1, 3, *range(10, 3000), 1]
    weights = CacheWeights(weight=0.5, half_life=1)
    cache = CacheModel(NgramIndex(text), weights).distribution()
    found = dict(zip(cache.ids.tolist(), cache.probs.tolist(), strict=True))
    assert found[3] == 1.0
    assert found.get(2, 0.0) == 0.0


def test_many_matches_are_counted_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [token for i in range(40) for token in (1, i % 5 + 2)]
    model = CacheModel(NgramIndex([*rows, 1]), WEIGHTS)
    few = model.distribution()
    monkeypatch.setattr("model_runtime.ngrams._FEW", 0)
    many = model.distribution()
    assert few.ids.tolist() == many.ids.tolist()
    assert few.probs.tolist() == pytest.approx(many.probs.tolist())


def test_without_weight_the_cache_is_off() -> None:
    cache = CacheModel(NgramIndex([1, 2, 1]), CacheWeights()).distribution()
    assert cache.ids.tolist() == []
    log_probs = np.log([0.5, 0.25, 0.25])
    assert mix(log_probs, cache).tolist() == log_probs.tolist()


@given(st.floats(0.01, 1), st.integers(0, 4))
def test_a_mixture_is_a_distribution(weight: float, token: int) -> None:
    model = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    cache = CacheDistribution(np.array([token]), np.array([1.0]), weight)
    with np.errstate(divide="ignore"):
        mixed = np.exp(mix(np.log(model), cache))
    expected = (1 - weight) * model + weight * np.eye(5)[token]
    assert mixed == pytest.approx(expected)
