"""Llama models on the CPU through `native/llama.c`, where a C compiler is at hand.

One compiled call per step instead of a few hundred of torch's, and weights that are read as fast as
memory gives them. Long prefills stay with torch, whose matrix products are a little faster for many
tokens; with int8 weights they stay in C, as torch would need the weights a second time.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from model_runtime.kv_cache.tensors import KVShape, KVTensors
from model_runtime.model import LlamaModel
from model_runtime.native import NUM_CHECKED_LAYERS
from model_runtime.native.build import NativeUnavailable, library_path
from model_runtime.native.library import NativeLibrary, NativeWeights
from model_runtime.native.quantization import round_weights
from model_runtime.step import CausalModel, Row

NATIVE_VARIABLE = "FIMBRIA_NATIVE"
"""`0` in this environment variable leaves everything to torch."""
TOLERANCE = 1e-4
"""Logits differ from torch's by no more than this times the largest of them (at least 1)."""

# Measured on one core: C and torch meet at 96 tokens with 8 million parameters, at 32 with 90.
_MOST_NATIVE_TOKENS = 48
_SMALL_MODEL = 100_000_000
_log = logging.getLogger(__name__)


class NativeLlama:
    """A Llama model in float32, or with int8 weights, whose steps run in C.

    Not thread-safe: one thread owns it. `forward` raises ValueError for rows that do not fit. int8:
    whether the weights are rounded to eight bits.
    """

    def __init__(self, model: LlamaModel, library: NativeLibrary, *, int8: bool = False) -> None:
        """Use the weights of `model` in place; with `int8`, a rounded copy of them, from whatever
        dtype.
        """
        self.config = model.config
        self.device = model.device
        self.dtype = torch.float32
        self.num_parameters = model.num_parameters
        self.int8 = int8
        self._library = library
        self._weights = NativeWeights(model.config, model.weights, int8=int8)
        self._for_many_tokens = None if int8 else model

    @property
    def kv_shape(self) -> KVShape:
        return KVShape(self.config.num_layers, self.config.num_kv_heads, self.config.head_dim)

    def forward(self, rows: Sequence[Row], kv: KVTensors) -> Tensor:
        """See `CausalModel.forward`."""
        num_tokens = sum(len(row.ids) for row in rows)
        if self._for_many_tokens is not None and num_tokens > _MOST_NATIVE_TOKENS:
            return self._for_many_tokens.forward(rows, kv)
        num_threads = torch.get_num_threads() if self._library.has_threads else 1
        return self._library.step(self._weights, rows, kv, num_threads)


def accelerate_on_cpu(model: LlamaModel, *, int8: bool = False) -> CausalModel:
    """The same model computed in C, if it is float32 on the CPU and this machine has a compiler.

    int8: round the weights, which may be of any dtype, to eight bits; where C is not to be had,
    torch computes with the rounded weights. Compiles the library unless it is in the user's cache,
    checks steps of it against torch's, and otherwise logs why not and returns a model of torch's.
    Never raises.
    """
    if model.device.type != "cpu" or (model.dtype is not torch.float32 and not int8):
        return model
    try:
        return _checked(model, int8=int8)
    except (NativeUnavailable, OSError, ValueError, RuntimeError, MemoryError) as error:
        _log.warning("Steps are computed by torch, not in C: %s.", str(error).rstrip("."))
        return _rounded(model) if int8 else model


def _checked(model: LlamaModel, *, int8: bool) -> NativeLlama:
    if os.environ.get(NATIVE_VARIABLE) == "0":
        raise NativeUnavailable(f"{NATIVE_VARIABLE} is 0")
    library = _opened()
    if not library.has_threads and _wants_threads(model):
        raise NativeUnavailable("the compiler has no OpenMP, and the model wants several threads")
    difference = _difference(model, library, int8=int8)
    if not difference <= TOLERANCE:  # NaN is not
        raise NativeUnavailable(f"its logits are off by {difference:.1e}")
    return NativeLlama(model, library, int8=int8)


def _difference(model: LlamaModel, library: NativeLibrary, *, int8: bool) -> float:
    short = _first_layers(model)
    reference = _rounded(short) if int8 else short
    return largest_difference(NativeLlama(short, library, int8=int8), reference)


def _first_layers(model: LlamaModel) -> LlamaModel:
    """What the library is checked on: all layers are computed alike, and a large model's would take
    time, and memory that may not be there a second time.
    """
    layers = model.weights.layers[:NUM_CHECKED_LAYERS]
    config = replace(model.config, num_layers=len(layers))
    return LlamaModel(config, replace(model.weights, layers=layers).to(torch.float32))


def _rounded(model: LlamaModel) -> LlamaModel:
    return LlamaModel(model.config, round_weights(model.weights))


def _opened() -> NativeLibrary:
    """The library, built again if the file in the cache is damaged."""
    path = library_path()
    try:
        return NativeLibrary(path)
    except OSError:
        path.unlink(missing_ok=True)
        return NativeLibrary(library_path())


def _wants_threads(model: LlamaModel) -> bool:
    return torch.get_num_threads() > 2 and model.num_parameters >= _SMALL_MODEL


def largest_difference(model: CausalModel, reference: CausalModel) -> float:
    """How far apart two models' logits are, of a short prefill, a draft check and a decoding step
    with two rows, each relative to the reference's largest (at least 1). See `TOLERANCE`.
    """
    steps = ([Row(1, 0, range(6))], [Row(1, 6, (2, 1, 0), 3)], [Row(1, 7, (3,)), Row(0, 0, (1,))])
    ours, theirs = (
        KVTensors(reference.kv_shape, 2, 16, dtype=torch.float32, device=reference.device)
        for _ in range(2)
    )
    return max(
        _relative(model.forward(rows, ours), reference.forward(rows, theirs)) for rows in steps
    )


def _relative(logits: Tensor, expected: Tensor) -> float:
    return float((logits - expected).abs().max() / expected.abs().max().clamp_min(1))
