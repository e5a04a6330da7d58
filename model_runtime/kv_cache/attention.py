"""Attention of new tokens over the used length of a slot, in stock torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class AttentionRule:
    """How a layer attends.

    scale: factor of the scores, None for 1 / sqrt(head_dim). window: a token sees itself and the
    window - 1 tokens before it; None: all of them. softcap: scores are bent to stay between
    -softcap and softcap (Gemma 2, arXiv 2408.00118, section 2).
    """

    scale: float | None = None
    window: int | None = None
    softcap: float | None = None


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, rule: AttentionRule, mask: Tensor | None
) -> Tensor:
    """[heads, new, head_dim] × [kv_heads, used, head_dim] → [heads, new, head_dim of values].

    The queries are those of the last `new` of `used` positions; each sees itself and what lies
    before it. The heads that share keys and values are neighbours. mask: what `visible` says, which
    is the same in all layers with the same window.
    """
    num_new = queries.shape[1]
    first = _first_seen(num_new, keys.shape[1], rule.window)
    keys, values = keys[:, first:], values[:, first:]
    if rule.softcap is not None:
        return _attend_capped(queries, keys, values, rule, mask)
    if num_new == 1:
        # One query per head: the heads that share keys become the rows of one small product.
        grouped = queries.reshape(len(keys), -1, queries.shape[-1])
        mixed = F.scaled_dot_product_attention(
            grouped[None], keys[None], values[None], scale=rule.scale
        )
        return mixed[0].reshape(len(queries), 1, -1)
    return F.scaled_dot_product_attention(
        queries[None],
        keys[None],
        values[None],
        attn_mask=mask,
        is_causal=mask is None,
        scale=rule.scale,
        enable_gqa=len(queries) != len(keys),
    )[0]


def visible(num_new: int, used: int, window: int | None, device: torch.device) -> Tensor | None:
    """The mask for `attend`: of bool, True where a query may look, [new, positions that any of them
    sees]; None where plain causality or a single query needs none.
    """
    first = _first_seen(num_new, used, window)
    if num_new == 1 or (num_new == used and (window is None or used <= window)):
        return None
    positions = torch.arange(first, used, device=device)
    own = positions[-num_new:, None]
    causal = positions <= own
    return causal if window is None else causal & (positions > own - window)


def _first_seen(num_new: int, used: int, window: int | None) -> int:
    """The first position that any of the last `num_new` of `used` looks at."""
    return 0 if window is None else max(0, used - num_new - window + 1)


def _attend_capped(
    queries: Tensor, keys: Tensor, values: Tensor, rule: AttentionRule, mask: Tensor | None
) -> Tensor:
    """Written out, since torch's own attention cannot bend scores."""
    heads, num_new, head_dim = queries.shape
    scale, softcap = rule.scale or head_dim**-0.5, rule.softcap or 1.0
    grouped = queries.reshape(len(keys), -1, head_dim)
    scores = (grouped @ keys.transpose(1, 2)).view(heads, num_new, -1) * scale
    scores = torch.tanh(scores / softcap) * softcap
    if mask is None and num_new > 1:
        mask = torch.ones(num_new, num_new, dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(values.dtype)
    return (weights.view(len(keys), -1, weights.shape[-1]) @ values).view(heads, num_new, -1)
