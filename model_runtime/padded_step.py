"""A step of fixed shape: what a CUDA graph can be captured of.

Rows of any lengths are packed into as many tokens, sequences and logits as the next bucket has
places for. What is left over computes nothing that anybody reads: spare tokens are written to the
last position of the first row's slot, which `fits` keeps free, and belong to a spare sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.model import LlamaModel, rotate
from model_runtime.step import Row

TOKEN_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SEQUENCE_BUCKETS = (1, 2, 4, 8, 16, 32)
LEAST_CONTEXT_BUCKET = 512


@dataclass(frozen=True, slots=True)
class StepShape:
    """Places for tokens, sequences (one more is the spare one) and logits; `context`: the longest
    that a sequence may be, which decides how attention splits its work.
    """

    tokens: int
    sequences: int
    logits: int
    context: int


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What changes from step to step; views of one buffer of int32, so that one copy fills all.

    ids, slots, positions: [tokens]. starts: [sequences + 2], where each sequence's tokens begin.
    used: [sequences + 1], positions of its slot that a sequence sees. tables: [sequences + 1, 1],
    its slot. wanted: [logits], places of the tokens whose logits are wanted.
    """

    buffer: Tensor
    ids: Tensor
    slots: Tensor
    positions: Tensor
    starts: Tensor
    used: Tensor
    tables: Tensor
    wanted: Tensor

    @classmethod
    def empty(cls, shape: StepShape, device: torch.device) -> StepInputs:
        sizes = (
            *(shape.tokens,) * 3,
            shape.sequences + 2,
            shape.sequences + 1,
            shape.sequences + 1,
            shape.logits,
        )
        buffer = torch.zeros(sum(sizes), dtype=torch.int32, device=device)
        ids, slots, positions, starts, used, tables, wanted = torch.split(buffer, list(sizes))
        return cls(buffer, ids, slots, positions, starts, used, tables[:, None], wanted)


AttendLayer = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(queries [tokens, heads, head_dim], keys, values [slots, capacity, kv_heads, head_dim]) →
[tokens, heads, head_dim]. Causal; a sequence's last token sees all that `used` says.
"""
Attend = Callable[[StepInputs, StepShape, KVTensors], AttendLayer]
"""Called once per step, for what its layers share."""


def fits(rows: Sequence[Row], capacity: int) -> bool:
    """Whether a bucket takes these rows and their slots' last position stays free."""
    num_tokens = sum(len(row.ids) for row in rows)
    return (
        num_tokens <= TOKEN_BUCKETS[-1]
        and len(rows) <= SEQUENCE_BUCKETS[-1]
        and all(row.end < capacity for row in rows)
    )


def shape_for(rows: Sequence[Row], capacity: int) -> StepShape:
    """The smallest bucket that takes the rows, which must fit."""
    num_logits = sum(row.num_logits for row in rows)
    context = LEAST_CONTEXT_BUCKET
    while context < max(row.end for row in rows):
        context *= 2
    return StepShape(
        _bucket(sum(len(row.ids) for row in rows), TOKEN_BUCKETS),
        _bucket(len(rows), SEQUENCE_BUCKETS),
        _bucket(num_logits, TOKEN_BUCKETS) if num_logits else 0,
        min(context, capacity),
    )


def pack(rows: Sequence[Row], shape: StepShape, capacity: int) -> Tensor:
    """The buffer of StepInputs for these rows, on the CPU: int32."""
    inputs = StepInputs.empty(shape, torch.device("cpu"))
    first, ends, wanted = 0, [0], list[int]()
    for number, row in enumerate(rows):
        last = first + len(row.ids)
        inputs.ids[first:last] = torch.tensor(row.ids, dtype=torch.int32)
        inputs.slots[first:last] = row.slot
        inputs.positions[first:last] = torch.arange(row.start, row.end, dtype=torch.int32)
        inputs.used[number], inputs.tables[number] = row.end, row.slot
        wanted.extend(range(last - row.num_logits, last))
        ends.append(last)
        first = last
    # Places without a sequence are empty; the spare one behind them has all spare tokens.
    ends += [first] * (shape.sequences + 1 - len(ends)) + [shape.tokens]
    inputs.starts[:] = torch.tensor(ends, dtype=torch.int32)
    inputs.used[len(rows) :] = max(1, shape.tokens - first)
    inputs.tables[len(rows) :] = rows[0].slot
    inputs.slots[first:] = rows[0].slot
    inputs.positions[first:] = capacity - 1
    inputs.wanted[: len(wanted)] = torch.tensor(wanted, dtype=torch.int32)
    return inputs.buffer


class PaddedStep:
    """The forward pass of a LlamaModel for inputs of fixed shape, with no decision in between that
    depends on their values.
    """

    def __init__(self, model: LlamaModel, attend: Attend) -> None:
        self._model = model
        self._attend = attend

    def __call__(self, inputs: StepInputs, shape: StepShape, kv: KVTensors) -> Tensor:
        """Logits at the wanted places: [logits, vocabulary]."""
        model, weights = self._model, self._model.weights
        attend = self._attend(inputs, shape, kv)
        # Indices of 32 bits would be converted anew at every use.
        places = inputs.slots.long(), inputs.positions.long()
        rotary = model.rotary(places[1])
        hidden = F.embedding(inputs.ids, weights.embedding)
        for index, layer in enumerate(weights.layers):
            qkv = F.linear(model.norm(hidden, layer.attention_norm), layer.qkv)
            cache = kv.keys[index].transpose(1, 2), kv.values[index].transpose(1, 2)
            mixed = self._attention(qkv, cache, places, rotary, attend)
            hidden = hidden + F.linear(mixed, layer.attention_out)
            hidden = hidden + model.mlp(layer, hidden)
        wanted = model.norm(hidden[inputs.wanted], weights.norm)
        return F.linear(wanted, weights.head)

    def _attention(
        self,
        qkv: Tensor,
        cache: tuple[Tensor, Tensor],
        places: tuple[Tensor, Tensor],
        rotary: tuple[Tensor, Tensor],
        attend: AttendLayer,
    ) -> Tensor:
        config = self._model.config
        heads = qkv.view(len(qkv), -1, config.head_dim)
        num_rotated = config.num_heads + config.num_kv_heads
        rotated = rotate(heads[:, :num_rotated].transpose(0, 1), *rotary).transpose(0, 1)
        keys, values = cache
        keys.index_put_(places, rotated[:, config.num_heads :])
        values.index_put_(places, heads[:, num_rotated:])
        queries = rotated[:, : config.num_heads]
        return attend(queries, keys, values).reshape(len(qkv), -1)


def attend_one_by_one(inputs: StepInputs, _shape: StepShape, _kv: KVTensors) -> AttendLayer:
    """`Attend` in plain torch, sequence by sequence: the reference, for any device and dtype."""
    starts, used = inputs.starts.tolist(), inputs.used.tolist()
    slots = inputs.tables[:, 0].tolist()

    def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        mixed = torch.zeros_like(queries)
        for number, slot in enumerate(slots):
            here, end = slice(starts[number], starts[number + 1]), used[number]
            if here.start < here.stop:
                mixed[here] = _attend_causally(queries[here], keys[slot, :end], values[slot, :end])
        return mixed

    return attend


def _attend_causally(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """[query, heads, head_dim] × [used, kv_heads, head_dim]; the last query sees all."""
    seen = torch.arange(len(keys), device=queries.device)
    mask = seen[None, :] <= seen[len(keys) - len(queries) :, None]
    mixed = F.scaled_dot_product_attention(
        queries.transpose(0, 1)[None],
        keys.transpose(0, 1)[None],
        values.transpose(0, 1)[None],
        attn_mask=mask,
        enable_gqa=True,
    )
    return mixed[0].transpose(0, 1)


def _bucket(size: int, buckets: Sequence[int]) -> int:
    return next(bucket for bucket in buckets if bucket >= size)
