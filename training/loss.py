"""Weighted cross-entropy over a large vocabulary, without keeping the logits."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

# Logits of this many positions stay in a processor's cache.
CHUNK = 512


@dataclass(frozen=True)
class Targets:
    """What each position should predict, flattened."""

    ids: Tensor
    weights: Tensor
    # Positions at which `newline` and `eot` count as the same answer.
    line_ends: Tensor
    newline: int
    eot: int


class _ChunkedLoss(torch.autograd.Function):
    """Computes the gradients in the forward pass, so that no logits are stored."""

    @staticmethod
    def forward(ctx: FunctionCtx, hidden: Tensor, weight: Tensor, targets: Targets) -> Tensor:
        total = hidden.new_zeros((), dtype=torch.float32)
        hidden_grad, weight_grad = torch.empty_like(hidden), torch.zeros_like(weight)
        for start in range(0, hidden.size(0), CHUNK):
            place = slice(start, start + CHUNK)
            logits = F.linear(hidden[place], weight).float()
            losses, grad = _losses_and_gradient(logits, targets, place)
            scale = targets.weights[place]
            total += (losses * scale).sum()
            grad = (grad * scale[:, None]).to(hidden.dtype)
            hidden_grad[place] = grad @ weight
            weight_grad.addmm_(grad.T, hidden[place])
        ctx.save_for_backward(hidden_grad, weight_grad)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        hidden_grad, weight_grad = ctx.saved_tensors  # type: ignore[attr-defined]
        return hidden_grad * upstream, weight_grad * upstream, None


def _losses_and_gradient(logits: Tensor, targets: Targets, place: slice) -> tuple[Tensor, Tensor]:
    """Each position's loss and its gradient with respect to the logits."""
    ids = targets.ids[place, None]
    log_total = logits.logsumexp(-1, keepdim=True)
    gradient = (logits - log_total).exp()
    wanted = logits.gather(1, ids)
    pair = logits[:, [targets.newline, targets.eot]]
    either = targets.line_ends[place, None]
    shares = torch.where(either, pair.softmax(-1), pair.new_zeros(()))
    gradient.scatter_add_(1, ids, torch.where(either, 0.0, -1.0).to(logits.dtype))
    gradient[:, targets.newline] -= shares[:, 0]
    gradient[:, targets.eot] -= shares[:, 1]
    wanted = torch.where(either, pair.logsumexp(-1, keepdim=True), wanted)
    return (log_total - wanted)[:, 0], gradient


def weighted_loss(hidden: Tensor, weight: Tensor, targets: Targets) -> Tensor:
    """The weighted sum of losses of `hidden` (positions x size) against `targets`."""
    loss: Tensor = _ChunkedLoss.apply(hidden, weight, targets)  # type: ignore[no-untyped-call]
    return loss
