"""How a padded step addresses slots for flash attention: with its kernel written out in torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from model_runtime.flash_attention import Pieces, SlotAttention, num_parts
from model_runtime.kv_cache.tensors import KVShape, KVTensors
from model_runtime.padded_step import StepInputs, StepShape, attend_one_by_one, pack, shape_for
from model_runtime.step import Row

CPU = torch.device("cpu")
CAPACITY, NUM_HEADS, NUM_KV_HEADS, HEAD_DIM = 4096, 4, 2, 8


def kernel(queries: Tensor, keys: Tensor, values: Tensor, pieces: Pieces) -> tuple[Tensor, Tensor]:
    """What flash attention promises for packed sequences with `seqused_k`."""
    mixed = torch.zeros_like(queries)
    log_sums = torch.full((queries.shape[1], len(queries)), torch.inf)
    assert len(pieces.firsts) == len(pieces.starts) == len(pieces.used) + 1
    assert pieces.starts[-1] == len(queries)
    assert all(tensor.dtype == torch.int32 for tensor in (pieces.starts, pieces.firsts))
    for number, used in enumerate(pieces.used.tolist()):
        here = slice(int(pieces.starts[number]), int(pieces.starts[number + 1]))
        first, length = int(pieces.firsts[number]), here.stop - here.start
        if not length or not used:
            continue
        assert length <= pieces.most_queries
        assert used <= pieces.most_keys
        group = queries.shape[1] // keys.shape[1]
        seen = keys[first : first + used].repeat_interleave(group, dim=1)
        scores = torch.einsum("qhd,khd->hqk", queries[here], seen) / queries.shape[-1] ** 0.5
        if pieces.causal:
            last = used - length + torch.arange(length)
            scores.masked_fill_(torch.arange(used) > last[:, None], -torch.inf)
        log_sums[:, here] = scores.logsumexp(-1)
        read = values[first : first + used].repeat_interleave(group, dim=1)
        mixed[here] = torch.einsum("hqk,khd->qhd", scores.softmax(-1), read)
    return mixed, log_sums


def random_cache() -> KVTensors:
    shape = KVShape(1, NUM_KV_HEADS, HEAD_DIM)
    kv = KVTensors(shape, 3, CAPACITY, dtype=torch.float32, device=CPU)
    for tensor in (*kv.keys, *kv.values):
        tensor.normal_()
    return kv


@pytest.mark.parametrize(
    "rows",
    [
        [Row(2, 4000, [1])],
        [Row(1, 700, [1] * 4, 4)],
        [Row(1, 0, [1] * 3)],
        [Row(2, 1500, [1]), Row(0, 3000, [1] * 5, 5), Row(1, 0, [1] * 20, 0)],
        [Row(2, 600, [1] * 130, 0)],
    ],
    ids=["decode", "draft", "start", "several", "prefill"],
)
@pytest.mark.parametrize("in_parts", [True, False], ids=["parts", "whole"])
def test_slots_are_read_in_place(rows: list[Row], *, in_parts: bool) -> None:
    torch.manual_seed(0)
    kv, num_tokens = random_cache(), sum(len(row.ids) for row in rows)
    shape = shape_for(rows, CAPACITY)
    inputs = StepInputs.empty(shape, CPU)
    inputs.buffer.copy_(pack(rows, shape, CAPACITY))
    queries = torch.randn(shape.tokens, NUM_HEADS, HEAD_DIM)
    keys, values = kv.keys[0].transpose(1, 2), kv.values[0].transpose(1, 2)
    attend = SlotAttention(NUM_HEADS, kernel, in_parts=in_parts)
    mixed = attend(inputs, shape, kv)(queries, keys, values)
    expected = attend_one_by_one(inputs, shape, kv)(queries, keys, values)
    torch.testing.assert_close(mixed[:num_tokens], expected[:num_tokens], rtol=1e-4, atol=1e-5)
    assert mixed.isfinite().all()


def test_a_long_context_is_cut_while_one_sequence_leaves_the_device_idle() -> None:
    assert num_parts(StepShape(1, 1, 1, 16384), 32) == 8
    assert num_parts(StepShape(8, 1, 8, 4096), 32) == 8
    assert num_parts(StepShape(1, 1, 1, 512), 32) == 1
    assert num_parts(StepShape(32, 32, 32, 16384), 32) == 1
    assert num_parts(StepShape(512, 1, 1, 16384), 32) == 2
