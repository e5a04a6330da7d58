"""What is known in advance of a candidate's next tokens: guesses that one step can check together,
and what the document leads one to expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import torch

from model_runtime.api import CompletionRequest
from model_runtime.drafting import Drafter, DraftPolicy
from model_runtime.kv_cache.slots import Placement
from model_runtime.ngrams import CacheModel, CacheWeights
from model_runtime.prompts import Prompt
from model_runtime.sampling import Expectation
from model_runtime.tokenization import Tokenizer

# Behind a longer new text the previous answer says nothing about what comes next.
_LONGEST_DEPARTURE = 32


class Foresight:
    """Guesses and expectations for one candidate; learns which tokens came."""

    def __init__(
        self, drafter: Drafter, weights: CacheWeights, device: torch.device, *, speculate: bool
    ) -> None:
        self._drafter = drafter
        self._cache = CacheModel(drafter.index, weights) if weights.weight > 0 else None
        self._device = device
        self._speculate = speculate

    @property
    def expects(self) -> bool:
        """Whether `expectation` ever has something to say."""
        return self._cache is not None

    def propose(self, limit: int, allowed: AbstractSet[int] | None, batch_tokens: int) -> list[int]:
        """At most `limit` tokens worth checking; `allowed`: the only ones that may come first."""
        if not self._speculate or limit <= 0:
            return []
        return self._drafter.propose(limit, allowed=allowed, batch_tokens=batch_tokens)

    def expectation(
        self, after: Sequence[int], allowed: AbstractSet[int] | None
    ) -> Expectation | None:
        """What to mix into the distribution of the token behind `after`, which are chosen but not
        yet `accepted`; None for nothing.
        """
        if self._cache is None:
            return None
        found = self._cache.distribution(after, allowed=allowed)
        if found.weight == 0:
            return None
        ids, probs = torch.from_numpy(found.ids), torch.from_numpy(found.probs)
        return Expectation(ids.to(self._device), probs.to(self._device), found.weight)

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
    device: torch.device

    def foresight(
        self, request: CompletionRequest, prompt: Prompt, placement: Placement
    ) -> Foresight:
        """Look ahead for a candidate that is about to begin."""
        typed = prompt.ids[placement.matched_len :]
        previous = list(placement.leftover) if len(typed) <= _LONGEST_DEPARTURE else []
        drafter = Drafter(
            reading_order(prompt.ids, self.control_ids),
            [previous, *self._guessed(request, prompt)],
            self.policy,
            typed=typed if previous else [],
            control_ids=self.control_ids,
        )
        return Foresight(drafter, self.weights, self.device, speculate=request.speculate)

    def _guessed(self, request: CompletionRequest, prompt: Prompt) -> list[list[int]]:
        begun = prompt.healed.decode("utf-8", errors="replace")
        return [self.tokenizer.encode_continuation(begun + text) for text in request.drafts]


def reading_order(ids: Sequence[int], control_ids: AbstractSet[int]) -> list[int]:
    """The prompt's tokens such that those before the cursor come last: where the prefix comes first
    (`PRE prefix SUF suffix MID …`) prefix and suffix are swapped.
    """
    parts: list[list[int]] = [[]]
    for token in ids:
        if token in control_ids:
            parts.append([token])
        else:
            parts[-1].append(token)
    texts = [at for at, part in enumerate(parts[:-1]) if len(part) > 1]
    if len(texts) == 2:
        prefix, suffix = texts
        parts[prefix], parts[suffix] = parts[suffix], parts[prefix]
        # The prefix has to touch what comes behind it: the last marker, MID, would part them.
        parts[-1] = parts[-1][1:]
    return [token for part in parts for token in part]
