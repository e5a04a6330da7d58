"""Where the end of a text has occurred in it before, and what came next there. Torch-free.

Two uses: drafts copied from the document (prompt lookup), and a cache language model (Kuhn and De
Mori, 1990; Grave et al., arXiv 1612.04426) that can be mixed into a small model's distribution.
Nothing is built ahead: the tokens lie in one array, and a search keeps those positions of the last
token that the tokens before it agree with. For a prompt that is faster than filling tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import exp2
from typing import TypeVar

import numpy as np
import numpy.typing as npt

IdArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
_T = TypeVar("_T", bound=np.generic)

MAX_N = 16
# Matches that are so much shorter than the longest have no say: their votes would be one in
# thousands.
_NEAR = 6
_FEW = 96


@dataclass(frozen=True, slots=True)
class Matches:
    """Earlier occurrences of the text's end, the most recent first; all arrays have one length.

    ends: positions behind the occurrences. lengths: how many tokens agree at each, at most `max_n`.
    next_ids: the token that followed there. size: tokens of the text that was searched.
    """

    ends: IdArray
    lengths: IdArray
    next_ids: IdArray
    size: int

    @property
    def longest(self) -> int:
        """How many tokens agree at most; 0 if nothing was found."""
        return int(self.lengths.max()) if len(self.lengths) else 0


@dataclass(frozen=True, slots=True)
class Continuation:
    """What followed the most recent of the longest matches. length: tokens that agreed before it;
    ids: empty if nothing was found.
    """

    length: int
    ids: list[int]


class NgramIndex:
    """Token ids in the order of reading; the end is where the next token goes.

    Only `extend` modifies. An occurrence that nothing follows, the end itself, is no match.
    """

    def __init__(
        self,
        tokens: Sequence[int] = (),
        *,
        max_n: int = MAX_N,
        control_ids: AbstractSet[int] = frozenset(),
    ) -> None:
        """max_n: how many tokens are compared at most. control_ids: tokens that never continue a
        match.
        """
        self._max_n = max_n
        self._control_ids = control_ids
        self._controls = np.array(sorted(control_ids), dtype=np.int64)
        self._tokens = np.empty(0, dtype=np.int64)
        self._follows = np.empty(0, dtype=np.bool_)
        self._len = 0
        self.extend(tokens)

    def __len__(self) -> int:
        return self._len

    def extend(self, tokens: Sequence[int]) -> None:
        """Append tokens."""
        self._write(tokens)
        self._len += len(tokens)

    def matches(
        self, after: Sequence[int] = (), *, allowed: AbstractSet[int] | None = None
    ) -> Matches:
        """Find the earlier occurrences of the end of this text followed by `after`, as if `after`
        had been appended.

        allowed: the only tokens that may have come next; wherever one of them stands is a match
        then, even if nothing before it agrees. With None at least one token agrees.
        """
        self._write(after)
        size = self._len + len(after)
        tokens = self._tokens[:size]
        ends = self._possible_ends(tokens, allowed)
        return Matches(ends, _agreeing(tokens, ends, self._max_n), tokens[ends], size)

    def continuation(
        self, limit: int, after: Sequence[int] = (), *, allowed: AbstractSet[int] | None = None
    ) -> Continuation:
        """Copy at most `limit` tokens from behind the most recent of the longest matches.

        Where the copy reaches the end of the text it goes on with itself, so that a pattern that
        repeats is continued; it ends before a control token.
        """
        found = self.matches(after, allowed=allowed)
        if not len(found.ends) or limit < 1:
            return Continuation(0, [])
        length = found.longest
        end = int(found.ends[int(found.lengths.argmax())])
        stop = min(end + limit, found.size)
        controls = np.flatnonzero(~self._follows[end:stop])
        if len(controls):
            return Continuation(length, self._tokens[end : end + int(controls[0])].tolist())
        ids = self._tokens[end:stop].tolist()
        return Continuation(length, (ids * -(-limit // len(ids)))[:limit])

    def _possible_ends(self, tokens: IdArray, allowed: AbstractSet[int] | None) -> IdArray:
        """Descending positions of what may have come next."""
        follows = self._follows[: len(tokens)]
        if allowed is None:
            if len(tokens) == 0:
                return np.empty(0, dtype=np.int64)
            ends = np.flatnonzero(tokens[:-1] == tokens[-1]) + 1
            return ends[follows[ends]][::-1]
        ends = np.flatnonzero(follows)[::-1]
        return ends[[i in allowed for i in tokens[ends].tolist()]]

    def _write(self, tokens: Sequence[int]) -> None:
        """Put tokens behind the text without making them part of it."""
        size = self._len + len(tokens)
        if size > len(self._tokens):
            capacity = max(2 * len(self._tokens), size + 256)
            self._tokens = _resized(self._tokens, self._len, capacity)
            self._follows = _resized(self._follows, self._len, capacity)
        self._tokens[self._len : size] = tokens
        if len(tokens) > _FEW:
            added = self._tokens[self._len : size]
            self._follows[self._len : size] = ~np.isin(added, self._controls)
        else:  # numpy's call costs more than that
            self._follows[self._len : size] = [i not in self._control_ids for i in tokens]


@dataclass(frozen=True, slots=True)
class CacheWeights:
    """How far the cache is believed.

    weight: its share in the mixture where very many tokens agree; 0 switches it off. half_length:
    so many agreeing tokens give half of that, twice as many three quarters. growth: how much more
    an occurrence counts for each further token that agrees. half_life: an occurrence so many tokens
    ago counts half.
    """

    weight: float = 0.0
    half_length: float = 3.0
    growth: float = 4.0
    half_life: float = 2048.0

    def at(self, length: int) -> float:
        """The cache's share where `length` tokens agree."""
        return self.weight * (1 - exp2(-length / self.half_length))


@dataclass(frozen=True, slots=True)
class CacheDistribution:
    """What the document suggests as the next token.

    ids: distinct, ascending, empty if the cache has nothing to say. probs: their probabilities,
    which sum to 1. weight: the share in the mixture, 0 without ids.
    """

    ids: IdArray
    probs: FloatArray
    weight: float


class CacheModel:
    """Suggests what followed the present context earlier in the same document. Deterministic."""

    def __init__(self, index: NgramIndex, weights: CacheWeights) -> None:
        """index: shared with whoever extends it."""
        self._index = index
        self._weights = weights

    def distribution(
        self, after: Sequence[int] = (), *, allowed: AbstractSet[int] | None = None
    ) -> CacheDistribution:
        """The next token's distribution behind the indexed text followed by `after`, so that each
        place of a draft can be asked about before the draft is accepted. allowed: the only tokens
        to consider; None for all.
        """
        nothing = CacheDistribution(np.empty(0, np.int64), np.empty(0), 0.0)
        if self._weights.weight == 0:
            return nothing
        found = self._index.matches(after, allowed=allowed)
        if not len(found.ends):
            return nothing
        near = found.lengths > found.longest - _NEAR
        found = Matches(found.ends[near], found.lengths[near], found.next_ids[near], found.size)
        ids, votes = self._counted(found) if len(found.ends) <= _FEW else self._binned(found)
        return CacheDistribution(ids, votes / votes.sum(), self._weights.at(found.longest))

    def _counted(self, found: Matches) -> tuple[IdArray, FloatArray]:
        """Like `_binned`, faster for few matches: numpy's calls cost more than they do."""
        weights, longest, newest = self._weights, found.longest, int(found.ends[0])
        votes: dict[int, float] = {}
        columns = found.ends.tolist(), found.lengths.tolist(), found.next_ids.tolist()
        for end, length, token in zip(*columns, strict=True):
            age = (newest - end) / weights.half_life
            vote = weights.growth ** (length - longest) * 0.5**age
            votes[token] = votes.get(token, 0.0) + vote
        ids = sorted(votes)
        return np.array(ids, dtype=np.int64), np.array([votes[token] for token in ids])

    def _binned(self, found: Matches) -> tuple[IdArray, FloatArray]:
        """Distinct next ids, ascending, and their votes."""
        ids, place = np.unique(found.next_ids, return_inverse=True)
        votes = np.bincount(place, weights=self._votes(found)).astype(np.float64)
        return ids, votes

    def _votes(self, found: Matches) -> FloatArray:
        # Ages from the most recent one on, so that not all votes vanish in a long text.
        ages = (found.ends[0] - found.ends) / self._weights.half_life
        agreement = self._weights.growth ** (found.lengths - found.longest).astype(np.float64)
        votes: FloatArray = agreement * 0.5**ages
        return votes


def mix(log_probs: FloatArray, cache: CacheDistribution) -> FloatArray:
    """Log-probabilities of the mixture `(1 - weight) * model + weight * cache`.

    log_probs: [vocabulary], normalised; not modified. In torch the same is
    `mixed = log_probs + log1p(-weight)`, then at the cache's ids
    `logaddexp(mixed[ids], log(weight * probs))`. A weight of 1 leaves only the cache.
    """
    if cache.weight == 0:
        return log_probs
    with np.errstate(divide="ignore"):
        mixed: FloatArray = log_probs + np.log1p(-cache.weight)
        mixed[cache.ids] = np.logaddexp(mixed[cache.ids], np.log(cache.weight * cache.probs))
    return mixed


def _agreeing(tokens: IdArray, ends: IdArray, max_n: int) -> IdArray:
    """How many tokens before each end agree with those before the end of the text."""
    lengths = np.zeros(len(ends), dtype=np.int64)
    alive = np.arange(len(ends))
    for n in range(1, min(max_n, len(tokens)) + 1):
        before = ends[alive] - n
        # A negative index would wrap around; its token must not count.
        alive = alive[(tokens[before] == tokens[-n]) & (before >= 0)]
        if not len(alive):
            break
        lengths[alive] = n
    return lengths


def _resized(array: npt.NDArray[_T], length: int, capacity: int) -> npt.NDArray[_T]:
    grown = np.empty(capacity, dtype=array.dtype)
    grown[:length] = array[:length]
    return grown
