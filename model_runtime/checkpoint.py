"""Reads the weights of a checkpoint folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from model_runtime.api import LoadProgress, UnsupportedModel
from model_runtime.config import ModelConfig
from model_runtime.model import LlamaModel, assemble_weights
from model_runtime.weight_files import damage_explained, weight_files


def load_model(
    folder: Path,
    config: ModelConfig,
    device: torch.device,
    dtype: torch.dtype,
    report: Callable[[LoadProgress], None],
) -> LlamaModel:
    """Read the weights of a checkpoint folder. Raises ModelNotFound, UnsupportedModel."""
    files = weight_files(folder)
    tensors: dict[str, Tensor] = {}
    for number, file in enumerate(files):
        report(LoadProgress("loading the weights", 0.1 + 0.8 * number / len(files)))
        tensors |= _read_tensors(file, device, dtype)
    return assemble(folder, config, tensors)


def assemble(folder: Path, config: ModelConfig, tensors: dict[str, Tensor]) -> LlamaModel:
    """Make a model of the tensors of `folder`, which are taken out of the dictionary. Raises
    UnsupportedModel when one is missing or has another shape than the configuration says.
    """
    try:
        _check_shapes(folder, config, tensors)
        return LlamaModel(config, assemble_weights(config, tensors))
    except KeyError as error:
        raise UnsupportedModel(
            f"The weights in {folder} lack {error}.", "Download the checkpoint again."
        ) from error


def _check_shapes(folder: Path, config: ModelConfig, tensors: dict[str, Tensor]) -> None:
    for name, expected in _shapes(config):
        found = tuple(tensors[name].shape)
        if found != expected:
            raise UnsupportedModel(
                f"The weights in {folder} do not fit its config.json: {name} is of the shape "
                f"{_by(found)}, not {_by(expected)}.",
                "Download the checkpoint again.",
            )


def _shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What each tensor of the Llama architecture has to be like, as [out, in]."""
    hidden, inner = config.hidden_size, config.intermediate_size
    queries, keys = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    of_layer = {
        "input_layernorm": (hidden,),
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "post_attention_layernorm": (hidden,),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    yield "model.embed_tokens.weight", (config.vocab_size, hidden)
    if not config.tied_embeddings:
        yield "lm_head.weight", (config.vocab_size, hidden)
    for layer in range(config.num_layers):
        yield from ((f"model.layers.{layer}.{name}.weight", of_layer[name]) for name in of_layer)
    yield "model.norm.weight", (hidden,)


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _read_tensors(file: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    with damage_explained(file), safe_open(file, framework="pt", device=str(device)) as source:
        return {name: source.get_tensor(name).to(dtype) for name in source.keys()}  # noqa: SIM118
