"""The compiled library's interface: the structures of `llama.c` filled with tensors' addresses.

Whoever fills them keeps the tensors alive; `NativeWeights` does so.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from model_runtime.config import ModelConfig
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.model import Layer, Weights, rotary_tables
from model_runtime.native.build import NativeUnavailable
from model_runtime.native.quantization import Int8Matrix, quantize
from model_runtime.step import Row

_OUTSIDE = 1
_NO_MEMORY = 2


class _Matrix(ctypes.Structure):
    _fields_ = [
        ("values", ctypes.c_void_p),
        ("codes", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("rows", ctypes.c_int64),
        ("columns", ctypes.c_int64),
    ]


class _Layer(ctypes.Structure):
    _fields_ = [
        ("attention_norm", ctypes.c_void_p),
        ("mlp_norm", ctypes.c_void_p),
        ("qkv", _Matrix),
        ("attention_out", _Matrix),
        ("gate_up", _Matrix),
        ("down", _Matrix),
    ]


class _Model(ctypes.Structure):
    _fields_ = [
        ("num_layers", ctypes.c_int64),
        ("hidden", ctypes.c_int64),
        ("heads", ctypes.c_int64),
        ("kv_heads", ctypes.c_int64),
        ("head_dim", ctypes.c_int64),
        ("intermediate", ctypes.c_int64),
        ("vocab", ctypes.c_int64),
        ("positions", ctypes.c_int64),
        ("eps", ctypes.c_float),
        ("embedding", ctypes.c_void_p),
        ("norm", ctypes.c_void_p),
        ("cosines", ctypes.c_void_p),
        ("sines", ctypes.c_void_p),
        ("head", _Matrix),
        ("layers", ctypes.POINTER(_Layer)),
    ]


class _Cache(ctypes.Structure):
    _fields_ = [
        ("keys", ctypes.POINTER(ctypes.c_void_p)),
        ("values", ctypes.POINTER(ctypes.c_void_p)),
        ("slots", ctypes.c_int64),
        ("capacity", ctypes.c_int64),
    ]


class _Row(ctypes.Structure):
    _fields_ = [
        ("slot", ctypes.c_int64),
        ("start", ctypes.c_int64),
        ("tokens", ctypes.c_int64),
        ("logits", ctypes.c_int64),
    ]


class NativeWeights:
    """A model's weights where `llama.c` finds them.

    weights: contiguous, on the CPU; in float32 used in place, or, in whatever dtype, as an int8
    copy of the matrices (embedding and norms become float32).
    """

    def __init__(self, config: ModelConfig, weights: Weights, *, int8: bool) -> None:
        self._int8 = int8
        self._kept: list[Tensor] = []
        cos, sin = rotary_tables(config, torch.device("cpu"), torch.float32)
        layers = [self._layer(layer) for layer in weights.layers]
        self._layers = (_Layer * len(layers))(*layers)
        self.struct = _Model(
            num_layers=config.num_layers,
            hidden=config.hidden_size,
            heads=config.num_heads,
            kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            intermediate=config.intermediate_size,
            vocab=weights.head.shape[0],
            positions=len(cos),
            eps=config.rms_norm_eps,
            embedding=self._address(weights.embedding),
            norm=self._address(weights.norm),
            cosines=self._address(cos),
            sines=self._address(sin),
            head=self._matrix(weights.head),
            layers=self._layers,
        )

    @property
    def vocab_size(self) -> int:
        return int(self.struct.vocab)

    def _address(self, tensor: Tensor) -> int:
        if not tensor.is_contiguous() or tensor.device.type != "cpu":
            raise NativeUnavailable("a weight is not contiguous in this machine's memory")
        tensor = tensor if tensor.dtype is torch.int8 else tensor.float()
        self._kept.append(tensor)
        return tensor.data_ptr()

    def _matrix(self, weight: Tensor) -> _Matrix:
        rows, columns = weight.shape
        if not self._int8:
            return _Matrix(values=self._address(weight), rows=rows, columns=columns)
        rounded: Int8Matrix = quantize(weight)
        return _Matrix(
            codes=self._address(rounded.codes),
            scales=self._address(rounded.scales),
            rows=rows,
            columns=columns,
        )

    def _layer(self, layer: Layer) -> _Layer:
        return _Layer(
            attention_norm=self._address(layer.attention_norm),
            mlp_norm=self._address(layer.mlp_norm),
            qkv=self._matrix(layer.qkv),
            attention_out=self._matrix(layer.attention_out),
            gate_up=self._matrix(layer.gate_up),
            down=self._matrix(layer.down),
        )


class NativeLibrary:
    """The loaded library. Its calls release Python's lock."""

    def __init__(self, file: Path) -> None:
        """Load `file`. Raises NativeUnavailable."""
        try:
            self._library = ctypes.CDLL(str(file))
            self._step = self._library.fimbria_step
            self.has_threads = bool(self._library.fimbria_has_threads())
        except (OSError, AttributeError) as error:
            raise NativeUnavailable(f"{file.name} cannot be loaded: {error}") from error
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self._step.argtypes = [pointer, pointer, pointer, number, pointer, pointer, number]

    def step(
        self, weights: NativeWeights, rows: Sequence[Row], kv: KVTensors, num_threads: int
    ) -> Tensor:
        """One step: see `CausalModel.forward`; `kv` is float32 on the CPU. Returns float32 logits.

        Raises ValueError for a token outside of the vocabulary and a row outside of the cache or
        the model's positions, before anything is written; MemoryError.
        """
        ids = [i for row in rows for i in row.ids]
        wanted = sum(row.num_logits for row in rows)
        logits = torch.empty((max(wanted, 0), weights.vocab_size))
        cache = _cache(kv)
        status = self._step(
            ctypes.byref(weights.struct),
            ctypes.byref(cache),
            (_Row * len(rows))(*(_Row(r.slot, r.start, len(r.ids), r.num_logits) for r in rows)),
            len(rows),
            (ctypes.c_int64 * len(ids))(*ids),
            logits.data_ptr(),
            num_threads,
        )
        if status == _OUTSIDE:
            raise ValueError("a row lies outside of the cache, the positions or the vocabulary")
        if status == _NO_MEMORY:
            raise MemoryError("no memory for a step")
        return logits


def _cache(kv: KVTensors) -> _Cache:
    addresses = ctypes.c_void_p * len(kv.keys)
    slots, _, capacity, _ = kv.keys[0].shape
    return _Cache(
        addresses(*(tensor.data_ptr() for tensor in kv.keys)),
        addresses(*(tensor.data_ptr() for tensor in kv.values)),
        slots,
        capacity,
    )
