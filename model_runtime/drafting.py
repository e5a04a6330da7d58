"""Guesses the tokens that come next, so that one step can check several. Torch-free.

Nothing here changes what is generated: the model checks every draft, and what it chooses is told
back. Guesses come from text (the previous suggestion, what was just deleted) and from earlier
occurrences of the same tokens (prompt lookup; Saxena 2023).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

from model_runtime.ngrams import NgramIndex
from model_runtime.step_costs import StepCosts

_LENGTH_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16)
# Agreement further back than this says nothing new about where in a guess one is.
_MAX_RUN = 16


class SourceKind(StrEnum):
    """Where a drafted token comes from."""

    SUGGESTION = "suggestion"
    DELETED = "deleted"
    RESUMED = "resumed"
    """One of these, after the chosen tokens departed from it."""
    NGRAM = "ngram"


class Source(NamedTuple):
    """What is known of a drafted token before it is checked: its kind, and the bucket of the number
    of tokens before it that agree, drafted ones included.
    """

    kind: SourceKind
    bucket: int

    @classmethod
    def of(cls, kind: SourceKind, agreeing: int) -> Source:
        return cls(kind, bisect_right(_LENGTH_BUCKETS, agreeing))


@dataclass(frozen=True, slots=True)
class DraftSettings:
    """How the policy learns.

    rate: weight of the newest observation in a running estimate. explore_every: after so many
    drafts that did not seem to pay, one of `explore_len` tokens is made all the same. min_gain: how
    many times more tokens per time than plain decoding a draft has to promise. priors: per kind,
    the chance that a drafted token is accepted before anything was observed, by bucket.
    """

    rate: float = 0.02
    explore_every: int = 32
    explore_len: int = 2
    min_gain: float = 1.02
    priors: dict[SourceKind, tuple[float, ...]] = field(
        default_factory=lambda: {
            SourceKind.SUGGESTION: (0.7, 0.9, 0.95, 0.95, 0.95, 0.95, 0.98, 0.98, 0.98),
            SourceKind.DELETED: (0.5, 0.7, 0.8, 0.85, 0.9, 0.9, 0.95, 0.95, 0.95),
            SourceKind.RESUMED: (0.3, 0.4, 0.7, 0.85, 0.95, 0.95, 0.95, 0.95, 0.95),
            SourceKind.NGRAM: (0.25, 0.3, 0.45, 0.6, 0.7, 0.75, 0.85, 0.9, 0.9),
        }
    )


class DraftPolicy:
    """Decides how many drafted tokens are worth checking, from what became of earlier drafts and
    what a step costs. One per engine; its only state is counts of what it was told.
    """

    def __init__(self, costs: StepCosts, settings: DraftSettings | None = None) -> None:
        self._costs = costs
        self._settings = settings or DraftSettings()
        self._chances = {
            Source(kind, bucket): chance
            for kind, chances in self._settings.priors.items()
            for bucket, chance in enumerate(chances)
        }
        self._passed_over = dict.fromkeys(self._chances, 0)

    def chance(self, source: Source) -> float:
        """How likely a token from there is accepted, if those before it were."""
        return self._chances[source]

    def length(self, sources: Sequence[Source], batch_tokens: int = 0) -> int:
        """How many of these drafted tokens to check: as many as give the most tokens per time; 0 if
        plain decoding gives as many. Now and then a few although they don't seem to pay.

        batch_tokens: what the same step computes besides the draft and the token before it.
        """
        length = self._most_gainful(sources, batch_tokens)
        if length or not sources:
            return length
        self._passed_over[sources[0]] += 1
        if self._passed_over[sources[0]] < self._settings.explore_every:
            return 0
        self._passed_over[sources[0]] = 0
        return min(self._settings.explore_len, len(sources))

    def record(self, accepted: Sequence[Source], rejected: Source | None) -> None:
        """Learn from a draft: its accepted tokens' sources, and that of the one that was wrong."""
        for source in accepted:
            self._chances[source] += self._settings.rate * (1 - self._chances[source])
        if rejected is not None:
            self._chances[rejected] -= self._settings.rate * self._chances[rejected]

    def _most_gainful(self, sources: Sequence[Source], batch_tokens: int) -> int:
        alone = self._costs.ms(1)
        plain = self._costs.ms(batch_tokens + 1)
        best_length, best_rate = 0, self._settings.min_gain / alone
        reached, expected = 1.0, 1.0
        for length, source in enumerate(sources, 1):
            reached *= self._chances[source]
            expected += reached
            cost = alone + self._costs.ms(batch_tokens + 1 + length) - plain
            if expected / cost > best_rate:
                best_length, best_rate = length, expected / cost
            if expected + reached * (len(sources) - length) < best_rate * cost:
                break  # not even if all the others were right
        return best_length


class Drafter:
    """Follows one candidate while it is generated, and guesses what comes next."""

    def __init__(
        self,
        context: Sequence[int],
        guesses: Sequence[Sequence[int]],
        policy: DraftPolicy,
        *,
        typed: Sequence[int] = (),
        elsewhere: Sequence[int] = (),
        control_ids: AbstractSet[int] = frozenset(),
    ) -> None:
        """context: the tokens that generation continues. guesses: of the text that comes next, the
        previous suggestion first, then text that was deleted. typed: tokens at the end of `context`
        that came after the previous suggestion was made, and that may depart from it. elsewhere:
        more of the document, if it is not in `context`: with the prefix first, what follows the
        cursor. control_ids: tokens that are never drafted.
        """
        self.index = NgramIndex(elsewhere, control_ids=control_ids)
        self.index.extend(context)
        self.num_drafted = 0
        self.num_accepted = 0
        self._guesses = [
            _Guess(SourceKind.DELETED if number else SourceKind.SUGGESTION, list(guess))
            for number, guess in enumerate(guesses)
        ]
        self._policy = policy
        self._chosen: list[int] = []
        self._draft = _Draft()
        for token in typed:
            self._chosen.append(token)
            self._guesses[0].follow(self._chosen)

    def propose(
        self,
        limit: int,
        *,
        allowed: AbstractSet[int] | None = None,
        batch_tokens: int = 0,
    ) -> list[int]:
        """At most `limit` tokens that are likely next; none if checking them would not pay.

        allowed: the only tokens that may come first (token healing); None for any. batch_tokens:
        what the same step computes besides the draft and the token before it.
        """
        self._draft = _Draft()
        for draft in self._drafts(limit, allowed):
            length = self._policy.length(draft.sources, batch_tokens)
            if length:
                self._draft = draft.first(length)
                break
        return list(self._draft.ids)

    def accepted(self, tokens: Sequence[int]) -> None:
        """Tell which tokens were chosen since the last proposal: those of it that were right, and
        the one that the model put behind them.
        """
        draft, self._draft = self._draft, _Draft()
        num_right = sum(1 for _ in takewhile(_equal, zip(draft.ids, tokens, strict=False)))
        departed = num_right < min(len(draft.ids), len(tokens))
        rejected = draft.sources[num_right] if departed else None
        self._policy.record(draft.sources[:num_right], rejected)
        self.num_drafted += len(draft.ids)
        self.num_accepted += num_right
        self.index.extend(tokens)
        for token in tokens:
            self._chosen.append(token)
            for guess in self._guesses:
                guess.follow(self._chosen)

    def _drafts(self, limit: int, allowed: AbstractSet[int] | None) -> Iterator[_Draft]:
        """What could be checked, the most trusted source first."""
        for guess in self._guesses:
            ids = guess.remaining(limit)
            if ids and (allowed is None or ids[0] in allowed):
                draft = _Draft()
                draft.add(guess.kind, guess.agreeing, ids)
                self._continue(draft, limit, None)
                yield draft
        draft = _Draft()
        self._continue(draft, limit, allowed)
        if draft.ids:
            yield draft

    def _continue(self, draft: _Draft, limit: int, allowed: AbstractSet[int] | None) -> None:
        if len(draft.ids) < limit:
            found = self.index.continuation(limit - len(draft.ids), draft.ids, allowed=allowed)
            draft.add(SourceKind.NGRAM, found.length, found.ids)


@dataclass(slots=True)
class _Draft:
    """Guessed tokens, and for each where it comes from."""

    ids: list[int] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)

    def add(self, kind: SourceKind, agreeing: int, ids: Sequence[int]) -> None:
        """Append tokens from one source; `agreeing`: tokens before them that agree with it."""
        self.ids.extend(ids)
        self.sources.extend(Source.of(kind, agreeing + i) for i in range(len(ids)))

    def first(self, length: int) -> _Draft:
        return _Draft(self.ids[:length], self.sources[:length])


class _Guess:
    """A guessed text, and the place in it that the chosen tokens have come to.

    A chosen token may depart from it. Whether it replaces a guessed one, is put between two or
    leaves some out shows in where the following tokens agree again; until one does, the guess is
    silent.
    """

    def __init__(self, kind: SourceKind, ids: list[int]) -> None:
        self.kind = kind
        self.agreeing = 0
        self._ids = ids
        self._next = 0
        self._lost = False
        # Nothing before this place is looked at again: it lies behind what surely agreed.
        self._floor = 0
        self._num_since_floor = 0

    def remaining(self, limit: int) -> list[int]:
        """The next tokens if the guess goes on to be right; none while it is lost."""
        return [] if self._lost else self._ids[self._next : self._next + limit]

    def follow(self, chosen: Sequence[int]) -> None:
        """Take note of the last of the chosen tokens."""
        self._num_since_floor += 1
        if self._lost or self._ids[self._next : self._next + 1] != [chosen[-1]]:
            self._realign(chosen)
        else:
            self._next += 1
            self.agreeing += 1
        if self.agreeing > 1:
            self._floor, self._num_since_floor = self._next, 0

    def _realign(self, chosen: Sequence[int]) -> None:
        """Go to the place where the most of the last chosen tokens agree; of equally good ones,
        the nearest to where a replaced token would lead.
        """
        expected = self._floor + self._num_since_floor - 1
        places = [i for i in range(self._floor, len(self._ids)) if self._ids[i] == chosen[-1]]
        runs = {i: self._run(i, chosen) for i in places}
        best = max(places, key=lambda i: (runs[i], -abs(i - expected)), default=None)
        self._lost = best is None
        self.agreeing = 0
        if best is not None:
            self._next, self.agreeing, self.kind = best + 1, runs[best], SourceKind.RESUMED

    def _run(self, place: int, chosen: Sequence[int]) -> int:
        before = reversed(self._ids[max(0, place + 1 - _MAX_RUN) : place + 1])
        pairs = zip(before, reversed(chosen), strict=False)
        return sum(1 for _ in takewhile(_equal, pairs))


def _equal(pair: tuple[int, int]) -> bool:
    return pair[0] == pair[1]
