"""Attention over a slot against its formula, written out number by number."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_runtime.kv_cache.attention import AttentionRule, attend, visible

HEADS, KV_HEADS, HEAD_DIM = 4, 2, 3
rules = st.builds(
    AttentionRule,
    scale=st.sampled_from([None, 0.3]),
    window=st.sampled_from([None, 1, 2, 5, 100]),
    softcap=st.sampled_from([None, 1.5]),
)


def written_out(queries: Tensor, keys: Tensor, values: Tensor, rule: AttentionRule) -> Tensor:
    num_new, used = queries.shape[1], keys.shape[1]
    mixed = torch.zeros_like(queries)
    for head in range(HEADS):
        shared = head * KV_HEADS // HEADS
        for number in range(num_new):
            own = used - num_new + number
            seen = [p for p in range(own + 1) if rule.window is None or p > own - rule.window]
            scores = [
                float(queries[head, number] @ keys[shared, p]) * (rule.scale or HEAD_DIM**-0.5)
                for p in seen
            ]
            if rule.softcap:
                scores = [rule.softcap * math.tanh(score / rule.softcap) for score in scores]
            weights = [math.exp(score) for score in scores]
            for p, weight in zip(seen, weights, strict=True):
                mixed[head, number] += weight / sum(weights) * values[shared, p]
    return mixed


@settings(max_examples=80, deadline=None)
@given(num_new=st.integers(1, 6), num_old=st.integers(0, 7), rule=rules, seed=st.integers(0, 99))
def test_attention_is_what_its_formula_says(
    num_new: int, num_old: int, rule: AttentionRule, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    used = num_old + num_new
    queries = torch.randn(HEADS, num_new, HEAD_DIM, generator=generator)
    keys, values = torch.randn(2, KV_HEADS, used, HEAD_DIM, generator=generator)
    mask = visible(num_new, used, rule.window, queries.device)
    torch.testing.assert_close(
        attend(queries, keys, values, rule, mask),
        written_out(queries, keys, values, rule),
        rtol=1e-4,
        atol=1e-5,
    )
