"""Weights of eight and four bits in the classes of transformers: which package rounds them, and
where that runs. Llama models with int8 weights on the CPU are computed by `native_model` instead.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from model_runtime.api import RuntimeFailure
from model_runtime.config import ModelConfig
from model_runtime.devices import INT4, INT8, NF4, QUANTIZED

TORCHAO, BITSANDBYTES = "torchao", "bitsandbytes"
_INSTALL = 'pip install "fimbria[quant]"'
_PACKAGES = {INT8: TORCHAO, INT4: TORCHAO, NF4: BITSANDBYTES}
_INT4_GROUP = 64
"""Weights that share a scale."""
_NOISY = ("torchao", "torch.utils._pytree", "bitsandbytes")


@dataclass(frozen=True, slots=True)
class Scheme:
    """How weights are rounded. weights: `int8`, `int4`, `nf4`, or what the checkpoint calls it.
    in_checkpoint: they are rounded already.
    """

    weights: str
    package: str
    in_checkpoint: bool = False

    def __str__(self) -> str:
        return f"{self.weights} weights of {self.package}"


def choose_scheme(dtype: str, config: ModelConfig, device: torch.device) -> Scheme | None:
    """What rounds the weights of a model that is loaded with `--dtype dtype`; None if transformers
    has nothing to do with it. Raises RuntimeFailure where a package is missing, the device cannot
    compute with such weights, or the checkpoint has been rounded in another way.
    """
    stored = config.quantization
    if stored is not None:
        _check_not_rounded_twice(dtype, stored.weights)
        scheme = Scheme(stored.weights, stored.method, in_checkpoint=True)
    elif dtype not in QUANTIZED or (dtype == INT8 and config.is_lean and device.type == "cpu"):
        return None
    else:
        scheme = Scheme(dtype, _PACKAGES[dtype])
    _check_installed(scheme)
    _check_device(scheme, device)
    return scheme


def bytes_per_weight(scheme: Scheme | None, dtype: torch.dtype) -> float:
    """Memory of a weight of a linear layer, with its part of a scale."""
    if scheme is None:
        return dtype.itemsize
    return 1.0 if scheme.weights == INT8 else 0.5 + 4 / _INT4_GROUP


def loading_options(scheme: Scheme, compute: torch.dtype) -> dict[str, Any]:
    """Arguments for `from_pretrained`. compute: what the rounded weights are multiplied in."""
    if scheme.in_checkpoint:
        return {}
    from transformers import BitsAndBytesConfig, TorchAoConfig

    if scheme.package == BITSANDBYTES:
        config = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute
        )
        return {"quantization_config": config}
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig

    if scheme.weights == INT8:
        return {"quantization_config": TorchAoConfig(Int8WeightOnlyConfig(version=2))}
    # The layout of torch's own kernels; the others need a further package.
    rounding = Int4WeightOnlyConfig(_INT4_GROUP, int4_packing_format="tile_packed_to_4d")
    return {"quantization_config": TorchAoConfig(rounding)}


def check_worth(module: Any, scheme: Scheme, name: str) -> None:
    """Raise RuntimeFailure for a model most of whose weights are of a kind that is left as it is:
    experts that are one tensor. module: on whatever device, `meta` too, before anything is rounded.
    """
    from transformers.pytorch_utils import Conv1D

    kinds = (torch.nn.Linear, Conv1D) if scheme.package == BITSANDBYTES else (torch.nn.Linear,)
    apart = (module.get_input_embeddings(), module.get_output_embeddings())
    left = {weight for one in apart if one is not None for weight in one.parameters()}
    matrices = {weight for weight in module.parameters() if weight.dim() > 1} - left
    rounded = {one.weight for one in module.modules() if isinstance(one, kinds)} - left
    total = sum(weight.numel() for weight in matrices)
    if 2 * sum(weight.numel() for weight in rounded) < total:
        raise RuntimeFailure(
            f"{scheme.package} rounds less than half of the weights of {name}.",
            "Use --dtype auto; with too little memory, a model without experts.",
        )


@contextmanager
def quiet_packages() -> Iterator[None]:
    """Keep what these packages have to say about themselves, of no use to users, out of the log:
    deprecated functions of torch, and libraries for other devices that cannot be loaded.
    """
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _check_not_rounded_twice(dtype: str, stored: str) -> None:
    if dtype in QUANTIZED and dtype != stored:
        raise RuntimeFailure(
            f"The checkpoint's weights are {stored} already.",
            f"Use --dtype auto, or the unrounded checkpoint with --dtype {dtype}.",
        )


def _check_installed(scheme: Scheme) -> None:
    if importlib.util.find_spec(scheme.package) is None:
        raise RuntimeFailure(
            f"{scheme.weights} weights need the package {scheme.package}.",
            f"Install it: {_INSTALL}",
        )


def _check_device(scheme: Scheme, device: torch.device) -> None:
    if device.type not in ("cpu", "cuda"):
        raise RuntimeFailure(
            f"{scheme.weights} weights do not run on {device}.", "Use --dtype auto."
        )
    if scheme.weights != INT4:
        return
    if device.type == "cpu":
        raise RuntimeFailure(
            "int4 weights need a GPU: torchao has no layout of them for this processor.",
            "Use --dtype nf4, which is as small, or --dtype int8.",
        )
    if torch.cuda.get_device_capability(device) < (8, 0):
        raise RuntimeFailure(
            f"int4 weights need a newer GPU than {torch.cuda.get_device_name(device)}.",
            "Use --dtype nf4, which is as small, or --dtype int8.",
        )
