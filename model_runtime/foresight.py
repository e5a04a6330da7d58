"""What is known in advance of a candidate's next tokens: guesses that one step can check together,
and what the document leads one to expect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from model_runtime.api import ChatRequest, Request, Snippet
from model_runtime.drafting import Drafter, DraftPolicy
from model_runtime.kv_cache.slots import Placement
from model_runtime.ngrams import CacheDistribution, CacheModel, CacheWeights
from model_runtime.prompts import Prompt
from model_runtime.tokenization import Tokenizer

# Behind a longer new text the previous answer says nothing about what comes next.
_LONGEST_DEPARTURE = 32


class Foresight:
    """Guesses and expectations for one candidate; learns which tokens came."""

    def __init__(self, drafter: Drafter, weights: CacheWeights, *, speculate: bool) -> None:
        self._drafter = drafter
        self._cache = CacheModel(drafter.index, weights) if weights.weight > 0 else None
        self._speculate = speculate

    def propose(self, limit: int, allowed: AbstractSet[int] | None, batch_tokens: int) -> list[int]:
        """At most `limit` tokens worth checking; `allowed`: the only ones that may come first."""
        if not self._speculate or limit <= 0:
            return []
        return self._drafter.propose(limit, allowed=allowed, batch_tokens=batch_tokens)

    def expectation(
        self, after: Sequence[int], allowed: AbstractSet[int] | None
    ) -> CacheDistribution | None:
        """What to mix into the distribution of the token behind `after`, which are chosen but not
        yet `accepted`; None for nothing.
        """
        if self._cache is None:
            return None
        found = self._cache.distribution(after, allowed=allowed)
        return found if found.weight else None

    def accepted(self, tokens: Sequence[int]) -> None:
        """Note the tokens that were chosen since the last proposal."""
        self._drafter.accepted(tokens)


@dataclass(frozen=True, slots=True)
class Lookahead:
    """What all candidates of an engine look ahead with."""

    tokenizer: Tokenizer
    policy: DraftPolicy
    weights: CacheWeights
    control_ids: frozenset[int]

    def foresight(self, request: Request, prompt: Prompt, placement: Placement) -> Foresight:
        """Look ahead for a candidate that is about to begin."""
        typed = prompt.ids[placement.matched_len :]
        previous = list(placement.leftover) if len(typed) <= _LONGEST_DEPARTURE else []
        drafter = Drafter(
            self._text(request, prompt),
            [previous, *self._guessed(request, prompt)],
            self.policy,
            typed=typed if previous else [],
            control_ids=self.control_ids,
        )
        return Foresight(drafter, self.weights, speculate=request.speculate)

    def _text(self, request: Request, prompt: Prompt) -> list[int]:
        """All text of the request, the nearest last: other files, what follows the cursor, what
        comes before it. More than the prompt where the model's context has no room for it, and what
        a small model may copy from is mostly there. Of a conversation, its prompt. Nothing where
        nobody will look.
        """
        if not request.max_tokens or not (request.speculate or self.weights.weight):
            return []
        if isinstance(request, ChatRequest):
            return prompt.ids
        before = request.prompt.encode()
        before = before[: len(before) - len(prompt.healed)]
        edge = sorted(self.control_ids)[:1]  # keeps the texts apart
        return [
            *self._snippets(request.snippets, edge),
            *self.tokenizer.encode_continuation(request.suffix or ""),
            *edge,
            *self.tokenizer.encode_continuation(before.decode()),
        ]

    def _snippets(self, snippets: Sequence[Snippet], edge: list[int]) -> Iterator[int]:
        for snippet in snippets:
            yield from self.tokenizer.encode_continuation(snippet.text)
            yield from edge

    def _guessed(self, request: Request, prompt: Prompt) -> list[list[int]]:
        begun = prompt.healed.decode("utf-8", errors="replace")
        return [self.tokenizer.encode_continuation(begun + text) for text in request.drafts]
