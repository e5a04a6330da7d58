"""The models that `decode.py` measures: checkpoints, or random weights of a shape in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from benchmarks.decode_engines import Subject
from benchmarks.shapes import model_folder
from model_runtime.api import LoadProgress
from model_runtime.checkpoint import load_model
from model_runtime.config import ModelConfig, read_config
from model_runtime.model import Layer, LlamaModel, Weights
from model_runtime.models import STARTER, resolve_model

PREFIX = "shape:"
_SHAPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "7b": {
            "vocab_size": 32016,
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_layers": 32,
            "num_heads": 32,
            "num_kv_heads": 32,
            "head_dim": 128,
            "context_length": 8192,
        },
        "tiny": {
            "vocab_size": 512,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_layers": 2,
            "num_heads": 2,
            "num_kv_heads": 1,
            "head_dim": 16,
            "context_length": 128,
        },
    }
)


def open_subject(name: str, device: torch.device, num_threads: int) -> Subject:
    """Load a checkpoint, or make up a shape: float32 on the CPU, else bfloat16.

    Raises RuntimeFailure for a model that is not there, ValueError for an unknown shape.
    """
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    if name.startswith(PREFIX):
        config = _shaped(name.removeprefix(PREFIX))
        with torch.device(device):
            model = LlamaModel(config, random_weights(config, dtype))
        return Subject(name, model, None, num_threads, config.context_length)
    folder = model_folder(name)
    config = read_config(folder)
    model = load_model(folder, config, device, dtype, _ignore)
    return Subject(name, model, folder, num_threads, config.context_length)


def _ignore(_: LoadProgress) -> None:
    return


def _shaped(name: str) -> ModelConfig:
    if name not in _SHAPES:
        raise ValueError(f"there is no shape {name!r}; take one of {', '.join(_SHAPES)}")
    like = read_config(resolve_model(STARTER))
    return replace(like, tied_embeddings=False, rope_scaling=None, **_SHAPES[name])


def random_weights(config: ModelConfig, dtype: torch.dtype) -> Weights:
    """Weights on torch's default device that keep activations near one."""
    hidden, inner = config.hidden_size, config.num_heads * config.head_dim
    qkv = inner + 2 * config.num_kv_heads * config.head_dim

    def matrix(num_out: int, num_in: int) -> Tensor:
        return torch.randn(num_out, num_in, dtype=dtype).mul_(1 / math.sqrt(num_in))

    def norm() -> Tensor:
        return torch.ones(hidden, dtype=dtype)

    layers = tuple(
        Layer(
            attention_norm=norm(),
            qkv=matrix(qkv, hidden),
            attention_out=matrix(hidden, inner),
            mlp_norm=norm(),
            gate_up=matrix(2 * config.intermediate_size, hidden),
            down=matrix(hidden, config.intermediate_size),
        )
        for _ in range(config.num_layers)
    )
    embedding = matrix(config.vocab_size, hidden)
    return Weights(embedding, layers, norm(), matrix(config.vocab_size, hidden))
