"""Attention of a padded step over slots, with the flash attention that torch ships.

The kernel takes packed sequences: where each one's queries and keys begin, and how many keys it
sees (`seqused_k`). Nothing says that keys must follow each other in memory: a slot is addressed by
the row at which it begins, so keys are read in place, no further than they are used, without page
tables, which torch has only from 2.12 on.

One block of the kernel handles all keys of a sequence's head. With one sequence most of a large GPU
would idle, so what the slot held before the step is cut into parts which are mixed by their share
of the softmax's sum (Dao et al., Flash-Decoding, 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.padded_step import AttendLayer, StepInputs, StepShape

# Blocks that keep a large GPU busy: two for each of an H100's 132 multiprocessors.
_ENOUGH_BLOCKS = 264
_MOST_PARTS = 8
_LEAST_PART = 512
_QUERIES_PER_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Pieces:
    """Sequences of one call of the kernel, [n] or [n + 1] of int32 on the device.

    starts: where each one's queries begin, and where the last one's end. firsts: the row at which
    its keys begin, and one number more, which the kernel wants and does not use. used: how many
    keys it sees; causal: its last query sees all of them, the one before all but one, and so on.
    """

    starts: Tensor
    firsts: Tensor
    used: Tensor
    most_queries: int
    most_keys: int
    causal: bool


Kernel = Callable[[Tensor, Tensor, Tensor, Pieces], tuple[Tensor, Tensor]]
"""(queries [tokens, heads, head_dim], keys, values [rows, kv_heads, head_dim], pieces) → mixed
values like the queries, log of the softmax's sum [heads, tokens] in float32. Without any key to
see: zeros, and plus infinity.
"""


def flash(queries: Tensor, keys: Tensor, values: Tensor, pieces: Pieces) -> tuple[Tensor, Tensor]:
    """`Kernel` in CUDA: float16 and bfloat16."""
    mixed, log_sums, *_ = torch.ops.aten._flash_attention_forward(
        queries,
        keys,
        values,
        pieces.starts,
        pieces.firsts,
        # With 1 the kernel may reorder grouped heads, which needs one query of every sequence.
        max(2, pieces.most_queries),
        pieces.most_keys,
        0.0,
        pieces.causal,
        False,
        window_size_left=-1,
        window_size_right=0 if pieces.causal else -1,
        seqused_k=pieces.used,
    )
    return mixed, log_sums


def num_parts(shape: StepShape, num_heads: int) -> int:
    """How many parts the keys are cut into, so that there is work for the whole device."""
    blocks = num_heads * shape.sequences * -(-shape.tokens // _QUERIES_PER_BLOCK)
    return max(1, min(_MOST_PARTS, shape.context // _LEAST_PART, -(-_ENOUGH_BLOCKS // blocks)))


class SlotAttention:
    """`padded_step.Attend`: what the layers of a step share is computed once."""

    def __init__(self, num_heads: int, kernel: Kernel = flash, *, in_parts: bool = True) -> None:
        self._num_heads = num_heads
        self._kernel = kernel
        self._in_parts = in_parts

    def __call__(self, inputs: StepInputs, shape: StepShape, kv: KVTensors) -> AttendLayer:
        parts = num_parts(shape, self._num_heads) if self._in_parts else 1
        calls = _whole(inputs, shape, kv) if parts == 1 else _parts(inputs, shape, kv, parts)

        def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            rows = _rows(keys), _rows(values)
            if parts == 1:
                return self._kernel(queries, *rows, calls[0])[0]
            repeated = queries.repeat(parts, 1, 1)
            mixed, log_sums = self._kernel(repeated, *rows, calls[0])
            mixed = mixed.view(parts, *queries.shape)
            log_sums = log_sums.view(-1, parts, len(queries))
            if len(calls) > 1:
                own, own_sums = self._kernel(queries, *rows, calls[1])
                mixed = torch.cat((mixed, own[None]))
                log_sums = torch.cat((log_sums, own_sums[:, None]), dim=1)
            return _join(mixed, log_sums).to(queries.dtype)

        return attend


def _whole(inputs: StepInputs, shape: StepShape, kv: KVTensors) -> tuple[Pieces, ...]:
    firsts = _ended(_first_rows(inputs, kv))
    return (Pieces(inputs.starts, firsts, inputs.used, shape.tokens, shape.context, True),)


def _parts(inputs: StepInputs, shape: StepShape, kv: KVTensors, parts: int) -> tuple[Pieces, ...]:
    """What slots held before the step in parts, all of which all queries see; then the step's own
    tokens. A single token sees itself as well: for it the parts are enough.
    """
    starts, firsts = inputs.starts[:-1], _first_rows(inputs, kv)
    lengths = inputs.starts[1:] - starts
    past = inputs.used if shape.tokens == 1 else inputs.used - lengths
    size = -(-shape.context // parts)
    number = torch.arange(parts, dtype=torch.int32, device=starts.device)[:, None]
    before = Pieces(
        _ended((starts + number * shape.tokens).flatten(), parts * shape.tokens),
        _ended((firsts + number * size).flatten()),
        (past - number * size).clamp(0, size).flatten(),
        shape.tokens,
        size,
        False,
    )
    if shape.tokens == 1:
        return (before,)
    own = Pieces(inputs.starts, _ended(firsts + past), lengths, shape.tokens, shape.tokens, True)
    return before, own


def _join(mixed: Tensor, log_sums: Tensor) -> Tensor:
    """mixed: [parts, tokens, heads, head_dim], log_sums: [heads, parts, tokens] → [tokens, heads,
    head_dim] in float32.
    """
    log_sums = log_sums.masked_fill(log_sums == torch.inf, -torch.inf)
    shares = torch.softmax(log_sums, dim=1).permute(1, 2, 0)
    return (mixed * shares[..., None]).sum(dim=0)


def _first_rows(inputs: StepInputs, kv: KVTensors) -> Tensor:
    keys = kv.keys[0]
    return inputs.tables[:, 0] * (keys.stride(0) // keys.stride(2))


def _rows(cache: Tensor) -> Tensor:
    """[slots, capacity, kv_heads, head_dim] → a view [rows, kv_heads, head_dim] in which slot i
    begins at row i × `stride of slots / stride of positions`; rows between slots are no tokens.
    """
    per_slot, per_row, per_head, _ = cache.stride()
    num_rows = (cache.shape[0] - 1) * (per_slot // per_row) + cache.shape[1]
    return cache.as_strided((num_rows, *cache.shape[2:]), (per_row, per_head, 1))


def _ended(numbers: Tensor, end: int = 0) -> Tensor:
    return torch.nn.functional.pad(numbers, (0, 1), value=end)
