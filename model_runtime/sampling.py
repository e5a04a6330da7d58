"""Chooses the next token from logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from model_runtime.api import SamplingParams


class Sampler:
    """Draws the tokens of one request; its own generator makes a seed reproducible whatever else
    runs.
    """

    def __init__(self, params: SamplingParams) -> None:
        self._params = params
        self._generator: torch.Generator | None = None
        if params.temperature > 0:
            self._generator = torch.Generator()
            if params.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(params.seed)

    def sample(self, logits: Tensor, allowed: Sequence[int] | None = None) -> int:
        """Next token id.

        logits: [vocabulary], any float dtype and device. allowed: the only ids that may be chosen,
        None for all.
        """
        if allowed is not None:
            ids = torch.tensor(allowed, device=logits.device)
            return int(ids[self._pick(logits[ids])])
        return self._pick(logits)

    def _pick(self, logits: Tensor) -> int:
        if self._generator is None:
            return int(logits.argmax())
        # Shifted first, so that a tiny temperature makes it greedy instead of infinite.
        shifted = (logits.double() - logits.max()).cpu()
        probabilities = torch.softmax(shifted / self._params.temperature, dim=-1)
        nucleus = _top_p(probabilities, self._params.top_p)
        return int(torch.multinomial(nucleus, 1, generator=self._generator))


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
