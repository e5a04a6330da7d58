"""Losses on files that training does not see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from training.corpus.build import Document
from training.model import LanguageModel
from training.sampling import Batch, Mixture, Sampler
from training.tokenizer import Tokenizer

SEED = 7
NUM_ROWS = 16
# Text left to right, and holes whose middles alone are counted.
PLAIN = Mixture(fim=0.0, file_header=0.0, other_file=0.0, full_length=1.0)
HOLES = Mixture(fim=1.0, spm=1.0, split_tokens=0.0, other_file=0.0, context_weight=0.0)


@dataclass(frozen=True)
class HeldOut:
    """Fixed batches by name: `val_in`, `val_out` and `middle`."""

    batches: dict[str, Batch]

    def losses(
        self, model: LanguageModel, trunk: Callable[[Tensor], Tensor] | None = None
    ) -> dict[str, float]:
        """The mean loss per token of each set."""
        model.eval()
        with torch.no_grad():
            forward = model.model if trunk is None else trunk  # a compiled one has no truth value
            found = {n: _mean_loss(model, forward, b) for n, b in self.batches.items()}
        model.train()
        return found


def held_out_batches(
    val_in: Sequence[Document],
    val_out: Sequence[Document],
    tokenizer: Tokenizer,
    *,
    num_rows: int | None = None,
    row_len: int = 1024,
) -> HeldOut:
    """The fixed held-out batches: the same for every checkpoint."""

    def batch(documents: Sequence[Document], mixture: Mixture) -> Batch:
        sampler = Sampler(documents, tokenizer, mixture, seed=SEED, row_len=row_len)
        return sampler.batch(0, num_rows or NUM_ROWS)

    return HeldOut(
        {
            "val_in": batch(val_in, PLAIN),
            "val_out": batch(val_out, PLAIN),
            "middle": batch([*val_in, *val_out], HOLES),
        }
    )


def _mean_loss(model: LanguageModel, trunk: Callable[[Tensor], Tensor], batch: Batch) -> float:
    ids, weights = torch.from_numpy(batch.ids), torch.from_numpy(batch.weights)
    total = 0.0
    for row, weight in zip(ids, weights, strict=True):
        logits = F.linear(trunk(row[None, :-1]), model.output_weight)[0].float()
        losses = F.cross_entropy(logits, row[1:], reduction="none")
        total += float((losses * weight[1:]).sum())
    return total / float(weights[:, 1:].sum())
