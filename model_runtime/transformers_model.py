"""Any causal language model of transformers, run over slots of the KV cache.

The model's own classes compute everything but attention (see slot_cache.py). All rows of a step are
packed into one sequence of tokens with positions of their own. Nothing about a model is taken for
granted: `adopt` compares the result with what transformers computes by itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from model_runtime.api import RuntimeFailure
from model_runtime.failures import device_failure, memory_failure, no_numbers
from model_runtime.kv_cache.tensors import KVShape, KVTensors
from model_runtime.quantization import BITSANDBYTES, Scheme
from model_runtime.slot_cache import (
    IMPLEMENTATION,
    LATENT_CACHE,
    SlotCache,
    Span,
    is_latent,
    register,
    spans_of,
    unsupported,
)
from model_runtime.step import Row

_KNOWN_LAYER_TYPES = {"full_attention", "sliding_attention"}
# Their frequencies depend on the longest sequence of a step, so that keys in the cache go stale.
_MOVING_ROPE = {"dynamic", "longrope"}
_CHECK_LEN = 12


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
        self._is_latent = is_latent(module.config, kv_shape)
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
        spans = tuple(spans_of(rows))
        wanted = self._tensor([i for span in spans for i in _wanted(span)])
        cache = SlotCache(spans, kv, is_latent=self._is_latent)
        options: dict[str, Any] = {"logits_to_keep": wanted} if self._takes_wanted else {}
        if self._is_latent:
            options[LATENT_CACHE] = cache
        output = self.module(
            input_ids=self._tensor([i for row in rows for i in row.ids])[None],
            position_ids=self._tensor([i for row in rows for i in range(row.start, row.end)])[None],
            past_key_values=cache,
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
    register()
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
        module.set_attn_implementation(IMPLEMENTATION)
        ours = _in_two_steps(model, ids.tolist())
    if not bool(torch.isfinite(reference.logits).all()):
        raise no_numbers(module.dtype)
    exact = scheme is None or scheme.package != BITSANDBYTES or scheme.weights != "int8"
    if not _are_close(ours, reference.logits[:, -1], exact=exact):
        raise unsupported(name, "its attention differs from what it declares")
    return model


def check_config(config: Any, name: str) -> None:
    """Raise UnsupportedModel for what a model's (text) config tells that slots cannot hold."""
    types = set(getattr(config, "layer_types", None) or ())
    if not types <= _KNOWN_LAYER_TYPES:
        raise unsupported(name, f"it has layers of {', '.join(sorted(types - _KNOWN_LAYER_TYPES))}")
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") in _MOVING_ROPE:
        raise unsupported(name, f"it stretches positions with {rope['rope_type']}")
    if not getattr(config, "is_causal", True) or getattr(config, "is_encoder_decoder", False):
        raise unsupported(name, "it does not read from left to right")


def _kv_shape(cache: Any, name: str) -> KVShape:
    """From a cache that the model has filled: what it really stores, whatever its settings say."""
    shapes = {(tuple(layer.keys.shape), tuple(layer.values.shape)) for layer in cache.layers}
    (_, num_kv_heads, _, head_dim), (_, num_value_heads, _, value_dim) = next(iter(shapes))
    if len(shapes) != 1 or num_kv_heads != num_value_heads:
        raise unsupported(name, "its layers do not all store keys and values of one size")
    others = 0 if value_dim == head_dim else value_dim
    return KVShape(len(cache.layers), num_kv_heads, head_dim, others)


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


def _wanted(span: Span) -> range:
    return range(span.last - span.row.num_logits, span.last)


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn what transformers or a model's code raise into a failure that says which model."""
    try:
        yield
    except RuntimeFailure:
        raise
    except Exception as error:
        failure = memory_failure(error) or device_failure(error)
        raise failure or unsupported(name, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
