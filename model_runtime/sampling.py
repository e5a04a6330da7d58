"""Chooses the next token from logits."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from model_runtime.api import SamplingParams
from model_runtime.ngrams import CacheDistribution

# Apart enough that no candidate of one seed is that of the next.
_SEED_STEP = 0x9E3779B97F4A7C15


class Sampler:
    """Draws the tokens of one candidate; its own generator makes a seed reproducible whatever else
    runs. One draw per token, so that checking a draft draws what generating one by one would have.

    rank: with temperature 0, how many more likely tokens the first choice passes over, as far as
    there are so many.
    """

    def __init__(self, params: SamplingParams, rank: int = 0) -> None:
        self._params = params
        self._rank = rank
        self._generator: torch.Generator | None = None
        if params.temperature > 0:
            self._generator = torch.Generator()
            if params.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed((params.seed + rank * _SEED_STEP) % 2**63)

    @property
    def is_greedy(self) -> bool:
        return self._generator is None and self._rank == 0

    def sample(
        self,
        logits: Tensor,
        allowed: Collection[int] | None = None,
        expected: CacheDistribution | None = None,
    ) -> tuple[int, float]:
        """Next token id and its log-probability among the allowed ones, at temperature 1.

        logits: [vocabulary], any float dtype and device. allowed: the only ids that may be chosen,
        none for all.
        """
        logprobs = _log_probabilities(_only(logits, allowed), expected)
        picked = self._pick(logprobs)
        return picked, float(logprobs[picked])

    def _pick(self, logprobs: Tensor) -> int:
        if self._generator is None:
            num_allowed = int(torch.isfinite(logprobs).sum()) if self._rank else 1
            rank, self._rank = min(self._rank, num_allowed - 1), 0
            return int(logprobs.argmax() if rank == 0 else logprobs.topk(rank + 1).indices[-1])
        # Shifted first, so that a tiny temperature makes it greedy instead of infinite.
        shifted = (logprobs.double() - logprobs.max()).cpu()
        probabilities = torch.softmax(shifted / self._params.temperature, dim=-1)
        nucleus = _top_p(probabilities, self._params.top_p)
        return int(torch.multinomial(nucleus, 1, generator=self._generator))


class GreedyRows:
    """The greedy choice for rows of logits [rows, vocabulary] in one read-back, each of which may
    still be mixed with an expectation.
    """

    def __init__(self, logits: Tensor) -> None:
        self._logits = logits.float()
        best = self._logits.max(dim=-1)
        self._ids: list[int] = best.indices.tolist()
        self._best: list[float] = best.values.tolist()
        self._sums: list[float] = torch.logsumexp(self._logits, dim=-1).tolist()

    def choose(self, row: int, expected: CacheDistribution | None) -> tuple[int, float]:
        """Token id and log-probability."""
        token, logprob = self._ids[row], self._best[row] - self._sums[row]
        if expected is None:
            return token, logprob
        ids = torch.from_numpy(expected.ids).to(self._logits.device)
        at_ids = self._logits[row, ids].double().cpu().numpy() - self._sums[row]
        mixed = (1 - expected.weight) * np.exp(at_ids) + expected.weight * expected.probs
        best = int(mixed.argmax())
        probability = (1 - expected.weight) * math.exp(logprob)
        if probability < mixed[best]:
            token, probability = int(expected.ids[best]), float(mixed[best])
        return token, math.log(probability)


def _only(logits: Tensor, allowed: Collection[int] | None) -> Tensor:
    """The logits with every id ruled out that is not allowed."""
    if not allowed:
        return logits
    ids = torch.tensor(list(allowed), device=logits.device)
    masked = torch.full_like(logits, -torch.inf)
    masked[ids] = logits[ids]
    return masked


def _log_probabilities(logits: Tensor, expected: CacheDistribution | None) -> Tensor:
    logprobs = torch.log_softmax(logits.float(), dim=-1)
    if expected is None:
        return logprobs
    mixed = (1 - expected.weight) * logprobs.exp()
    ids = torch.from_numpy(expected.ids).to(mixed.device)
    mixed[ids] += expected.weight * torch.from_numpy(expected.probs).to(mixed)
    return mixed.log()


def _top_p(probabilities: Tensor, top_p: float) -> Tensor:
    """Zero all but the smallest set of most likely tokens whose sum reaches top_p (Holtzman et al.,
    arXiv 1904.09751).
    """
    if top_p >= 1:
        return probabilities
    ordered, order = probabilities.sort(descending=True)
    before = ordered.cumsum(-1) - ordered
    ordered[1:][before[1:] >= top_p] = 0  # the most likely token always stays
    return torch.zeros_like(probabilities).scatter(0, order, ordered)
