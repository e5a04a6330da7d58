"""What a model class of transformers takes for its cache and its attention: slots of the KV cache.

In each layer the model hands its new keys and values to `SlotCache.update`, which puts them into
the rows' slots and returns keys that know their step; the model passes these to the registered
attention function, which attends row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface
from transformers.cache_utils import Cache

from model_runtime.api import UnsupportedModel
from model_runtime.kv_cache.attention import AttentionRule, attend, visible
from model_runtime.kv_cache.tensors import KVShape, KVTensors
from model_runtime.step import Row

IMPLEMENTATION = "fimbria_slots"
"""The name of the attention function, once it is registered."""
LATENT_CACHE = "fimbria_slot_cache"
"""The further argument that takes a latent model's cache to its attention."""
_CHOOSE_ANOTHER = "Choose another checkpoint; those of the Llama architecture run fastest."


@dataclass(frozen=True, slots=True)
class Span:
    """A row's tokens are `first` to `last`, exclusive, of the step's."""

    row: Row
    first: int
    last: int


class SlotCache(Cache):  # type: ignore[misc]  # transformers has no types here
    """What a forward pass takes for its cache: writes new keys and values to the rows' slots.

    Lives for one step. It says of itself that it is empty, since the rows' positions are given
    explicitly. is_latent: the model makes keys and values of what the cache holds, of all
    positions at each step (multi-head latent attention: DeepSeek-V2, arXiv 2405.04434, section
    2.1).
    """

    def __init__(self, spans: tuple[Span, ...], kv: KVTensors, *, is_latent: bool) -> None:
        super().__init__(layers=[])
        self._spans = spans
        self._kv = kv
        self._is_latent = is_latent
        self._masks: dict[tuple[int, int | None, torch.device], Tensor | None] = {}

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """key_states, value_states: [1, kv_heads, tokens of the step, head_dim]; returned as they
        are, but that the keys carry a `slot_layer`. Not every model passes further arguments on to
        its attention; the keys reach it in all of them but latent ones, which get what each row's
        slot holds, one row's after the other's.
        """
        for span in self._spans:
            row = span.row
            keys, values = self._kv.layer(layer_idx, row.slot)
            keys[:, row.start : row.end] = key_states[0, :, span.first : span.last]
            values[:, row.start : row.end] = value_states[0, :, span.first : span.last]
        if self._is_latent:
            return self._held(layer_idx)
        key_states.slot_layer = _SlotLayer(self, layer_idx)  # type: ignore[attr-defined]
        return key_states, value_states

    def _held(self, layer: int) -> tuple[Tensor, Tensor]:
        rows = [span.row for span in self._spans]
        slots = [(self._kv.layer(layer, row.slot), row.end) for row in rows]
        keys = torch.cat([keys[:, :end] for (keys, _), end in slots], dim=1)
        values = torch.cat([values[:, :end] for (_, values), end in slots], dim=1)
        return keys[None], values[None]

    def attend_latent(
        self, query: Tensor, keys: Tensor, values: Tensor, rule: AttentionRule
    ) -> Tensor:
        """Likewise, over the keys and values [heads, positions, head_dim] that the model has made
        of what `update` returned.
        """
        mixed, start = [], 0
        for number, span in enumerate(self._spans):
            held = slice(start, start + span.row.end)
            queries = query[:, span.first : span.last]
            mask = self._mask(number, rule.window, query.device)
            mixed.append(attend(queries, keys[:, held], values[:, held], rule, mask))
            start = held.stop
        return torch.cat(mixed, dim=1)

    def attend(self, query: Tensor, layer: int, rule: AttentionRule) -> Tensor:
        """Each row over its own slot. query and result: [heads, tokens of the step, head_dim]."""
        mixed = []
        for number, span in enumerate(self._spans):
            keys, values = self._kv.layer(layer, span.row.slot)
            end = span.row.end
            queries = query[:, span.first : span.last]
            mask = self._mask(number, rule.window, query.device)
            mixed.append(attend(queries, keys[:, :end], values[:, :end], rule, mask))
        return mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=1)

    def _mask(self, number: int, window: int | None, device: torch.device) -> Tensor | None:
        key = (number, window, device)
        if key not in self._masks:
            row = self._spans[number].row
            self._masks[key] = visible(len(row.ids), row.end, window, device)
        return self._masks[key]


@dataclass(frozen=True, slots=True)
class _SlotLayer:
    """Where an attention function finds the keys and values of one layer in one step."""

    cache: SlotCache
    layer: int


def register() -> None:
    """Make `IMPLEMENTATION` known to transformers."""
    AttentionInterface.register(IMPLEMENTATION, _slot_attention)


def spans_of(rows: Sequence[Row]) -> Iterator[Span]:
    """Where each row's tokens are in a step."""
    lasts = accumulate(len(row.ids) for row in rows)
    return (Span(row, last - len(row.ids), last) for row, last in zip(rows, lasts, strict=True))


def is_latent(config: Any, shape: KVShape) -> bool:
    """Whether the cache holds what keys and values are made of, and not those themselves, as in
    other versions of transformers.
    """
    return shape.num_kv_heads == 1 and getattr(config, "kv_lora_rank", None) == shape.head_dim


def unsupported(name: str, reason: str) -> UnsupportedModel:
    """Why a model class cannot be run over slots."""
    return UnsupportedModel(f"{name} cannot be run on Fimbria's cache: {reason}.", _CHOOSE_ANOTHER)


def _slot_attention(  # noqa: PLR0913, PLR0917 -- the signature is transformers'
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attend row by row. query: [1, heads, tokens of the step, head_dim]; returns [1, tokens,
    heads, head_dim].
    """
    name = type(module).__name__
    slots: _SlotLayer | None = getattr(key, "slot_layer", None)
    latent: SlotCache | None = others.get(LATENT_CACHE)
    if slots is None and latent is None:
        raise unsupported(name, "it changes keys on their way from the cache to the attention")
    biases = (attention_mask, others.get("s_aux"), others.get("position_bias"))
    if any(bias is not None for bias in biases):
        raise unsupported(name, "its attention has biases or sinks")
    if slots is not None and sliding_window is None and _is_sliding(module, slots.layer):
        raise unsupported(name, "it does not say how far its attention reaches")
    rule = AttentionRule(scaling, sliding_window, softcap)
    if latent is not None:
        mixed = latent.attend_latent(query[0], key[0], value[0], rule)
    elif slots is not None:
        mixed = slots.cache.attend(query[0], slots.layer, rule)
    return mixed.transpose(0, 1)[None], None


def _is_sliding(module: Any, layer: int) -> bool:
    types: list[str] = getattr(getattr(module, "config", None), "layer_types", None) or []
    return layer < len(types) and types[layer] == "sliding_attention"
