"""Any causal language model of transformers, run over slots of the KV cache.

The model's own classes compute everything but attention. All rows of a step are packed into one
sequence of tokens with positions of their own. In each layer the model hands its new keys and
values to the cache, which puts them into the rows' slots and returns keys that know their step;
the model passes these to the registered attention function, which attends row by row. Nothing about
a model is taken for granted: `adopt` compares the result with what transformers computes by itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface
from transformers.cache_utils import Cache, DynamicCache

from model_runtime.api import RuntimeFailure, UnsupportedModel
from model_runtime.failures import device_failure, memory_failure
from model_runtime.kv_cache.attention import AttentionRule, attend, visible
from model_runtime.kv_cache.tensors import KVShape, KVTensors
from model_runtime.quantization import BITSANDBYTES, Scheme
from model_runtime.step import Row

_IMPLEMENTATION = "fimbria_slots"
_KNOWN_LAYER_TYPES = {"full_attention", "sliding_attention"}
# Their frequencies depend on the longest sequence of a step, so that keys in the cache go stale.
_MOVING_ROPE = {"dynamic", "longrope"}
_CHECK_LEN = 12
_CHOOSE_ANOTHER = "Choose another checkpoint; those of the Llama architecture run fastest."


@dataclass(frozen=True, slots=True)
class _Span:
    """A row's tokens are `first` to `last`, exclusive, of the step's."""

    row: Row
    first: int
    last: int


class SlotCache(Cache):  # type: ignore[misc]  # transformers has no types here
    """What a forward pass takes for its cache: writes new keys and values to the rows' slots.

    Lives for one step. It says of itself that it is empty, since the rows' positions are given
    explicitly.
    """

    def __init__(self, spans: tuple[_Span, ...], kv: KVTensors) -> None:
        super().__init__(layers=[])
        self._spans = spans
        self._kv = kv
        self._masks: dict[tuple[int, int | None, torch.device], Tensor | None] = {}

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """key_states, value_states: [1, kv_heads, tokens of the step, head_dim]; returned as they
        are, but that the keys carry a `slot_layer`. Not every model passes further arguments on to
        its attention; the keys reach it in all of them.
        """
        for span in self._spans:
            row = span.row
            keys, values = self._kv.layer(layer_idx, row.slot)
            keys[:, row.start : row.end] = key_states[0, :, span.first : span.last]
            values[:, row.start : row.end] = value_states[0, :, span.first : span.last]
        key_states.slot_layer = _SlotLayer(self, layer_idx)  # type: ignore[attr-defined]
        return key_states, value_states

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


class TransformersModel:
    """A `CausalModel` around a model class of transformers; made by `adopt`."""

    def __init__(
        self,
        module: Any,
        device: torch.device,
        kv_shape: KVShape,
        kv_devices: tuple[torch.device, ...],
        scheme: Scheme | None = None,
    ) -> None:
        """device: where inputs go and outputs come from. kv_devices: where each layer computes."""
        self.module = module
        self.kv_devices = kv_devices
        self.scheme = scheme
        self._device = device
        self._kv_shape = kv_shape
        self._takes_wanted = "logits_to_keep" in inspect.signature(module.forward).parameters

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.module.dtype
        return dtype

    @property
    def num_parameters(self) -> int:
        return int(self.module.num_parameters())

    @property
    def kv_shape(self) -> KVShape:
        return self._kv_shape

    @torch.inference_mode()
    def forward(self, rows: Sequence[Row], kv: KVTensors) -> Tensor:
        """See `CausalModel.forward`."""
        spans = tuple(_spans(rows))
        wanted = self._tensor([i for span in spans for i in _wanted(span)])
        options = {"logits_to_keep": wanted} if self._takes_wanted else {}
        output = self.module(
            input_ids=self._tensor([i for row in rows for i in row.ids])[None],
            position_ids=self._tensor([i for row in rows for i in range(row.start, row.end)])[None],
            past_key_values=SlotCache(spans, kv),
            use_cache=True,
            **options,
        )
        logits: Tensor = output.logits[0]
        return logits if self._takes_wanted else logits[wanted]

    def _tensor(self, numbers: list[int]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.int64, device=self.device)


def adopt(
    module: Any, scheme: Scheme | None = None, device: torch.device | None = None
) -> TransformersModel:
    """Have a loaded `PreTrainedModel` run over slots. Changes its attention implementation. scheme:
    how its weights are rounded. device: where its inputs go, if it is shared among several.

    Computes a few tokens in both ways: models whose attention is not what the attention function
    below computes are refused rather than run wrongly. Raises UnsupportedModel.
    """
    name = type(module).__name__
    check_config(module.config.get_text_config(decoder=True), name)
    AttentionInterface.register(_IMPLEMENTATION, _slot_attention)
    module.eval()
    vocab_size = module.get_input_embeddings().num_embeddings
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(vocab_size, (2, _CHECK_LEN), generator=generator)
    with explained(name), torch.inference_mode():
        device = torch.device(module.device) if device is None else device
        reference = module(ids.to(device), past_key_values=DynamicCache(), use_cache=True)
        cache = reference.past_key_values
        where = tuple(layer.keys.device for layer in cache.layers)
        model = TransformersModel(module, device, _kv_shape(cache, name), where, scheme)
        module.set_attn_implementation(_IMPLEMENTATION)
        ours = _in_two_steps(model, ids.tolist())
    exact = scheme is None or scheme.package != BITSANDBYTES or scheme.weights != "int8"
    if not _are_close(ours, reference.logits[:, -1], exact=exact):
        raise _unsupported(name, "its attention differs from what it declares")
    return model


def _slot_attention(  # noqa: PLR0913, PLR0917 -- the signature is transformers'
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001 -- in the slots already
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
    if slots is None:
        raise _unsupported(name, "it changes keys on their way from the cache to the attention")
    biases = (attention_mask, others.get("s_aux"), others.get("position_bias"))
    if any(bias is not None for bias in biases):
        raise _unsupported(name, "its attention has biases or sinks")
    if sliding_window is None and _is_sliding(module, slots.layer):
        raise _unsupported(name, "it does not say how far its attention reaches")
    rule = AttentionRule(scaling, sliding_window, softcap)
    mixed = slots.cache.attend(query[0], slots.layer, rule)
    return mixed.transpose(0, 1)[None], None


def _is_sliding(module: Any, layer: int) -> bool:
    types: list[str] = getattr(getattr(module, "config", None), "layer_types", None) or []
    return layer < len(types) and types[layer] == "sliding_attention"


def check_config(config: Any, name: str) -> None:
    """Raise UnsupportedModel for what a model's (text) config tells that slots cannot hold."""
    types = set(getattr(config, "layer_types", None) or ())
    if not types <= _KNOWN_LAYER_TYPES:
        raise _unsupported(
            name, f"it has layers of {', '.join(sorted(types - _KNOWN_LAYER_TYPES))}"
        )
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") in _MOVING_ROPE:
        raise _unsupported(name, f"it stretches positions with {rope['rope_type']}")
    if not getattr(config, "is_causal", True) or getattr(config, "is_encoder_decoder", False):
        raise _unsupported(name, "it does not read from left to right")


def _kv_shape(cache: Any, name: str) -> KVShape:
    """From a cache that the model has filled: what it really stores, whatever its settings say."""
    shapes = {tuple(t.shape) for layer in cache.layers for t in (layer.keys, layer.values)}
    if len(shapes) != 1:
        raise _unsupported(name, "its layers do not all store keys and values of one size")
    _, num_kv_heads, _, head_dim = shapes.pop()
    return KVShape(len(cache.layers), num_kv_heads, head_dim)


def _in_two_steps(model: TransformersModel, sequences: list[list[int]]) -> Tensor:
    """The last logits of two sequences, computed together, split at different places."""
    kv = KVTensors(model.kv_shape, 2, _CHECK_LEN, dtype=model.dtype, device=model.kv_devices)
    splits = (_CHECK_LEN // 3, _CHECK_LEN // 2)
    both = [
        (slot, ids, split) for slot, (ids, split) in enumerate(zip(sequences, splits, strict=True))
    ]
    model.forward([Row(slot, 0, ids[:split], 0) for slot, ids, split in both], kv)
    return model.forward([Row(slot, split, ids[split:]) for slot, ids, split in both], kv)


def _are_close(ours: Tensor, reference: Tensor, *, exact: bool) -> bool:
    """Within what rounding explains; a constant added to all logits of a token means nothing.

    exact: but for rounding, a token's result does not depend on what it is computed together with;
    LLM.int8 rounds inputs, too, depending on all of them (arXiv 2208.07339).
    """
    tolerance = 1e-3 if exact and reference.dtype == torch.float32 else 0.1
    one, other = (t.float() - t.float().mean(dim=-1, keepdim=True) for t in (ours, reference))
    return bool((one - other).norm() <= tolerance * other.norm())


def _spans(rows: Sequence[Row]) -> Iterator[_Span]:
    lasts = accumulate(len(row.ids) for row in rows)
    return (_Span(row, last - len(row.ids), last) for row, last in zip(rows, lasts, strict=True))


def _wanted(span: _Span) -> range:
    return range(span.last - span.row.num_logits, span.last)


def _unsupported(name: str, reason: str) -> UnsupportedModel:
    return UnsupportedModel(f"{name} cannot be run on Fimbria's cache: {reason}.", _CHOOSE_ANOTHER)


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn what transformers or a model's code raise into a failure that says which model."""
    try:
        yield
    except RuntimeFailure:
        raise
    except Exception as error:
        failure = memory_failure(error) or device_failure(error)
        raise failure or _unsupported(name, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
