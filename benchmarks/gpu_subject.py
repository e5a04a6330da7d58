"""Models of Code Llama's shapes with random weights, made on the device: the same weights for our
forward pass and for transformers'.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from model_runtime.config import ModelConfig, read_config
from model_runtime.cuda_graphs import GraphedLlama
from model_runtime.flash_attention import SlotAttention
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.model import LlamaModel, assemble_weights
from model_runtime.step import CausalModel

SHAPES: Mapping[str, tuple[int, int, int, int, int, int]] = MappingProxyType(
    {
        # hidden, intermediate, layers, heads, KV heads, vocabulary
        "7b": (4096, 11008, 32, 32, 32, 32016),
        "13b": (5120, 13824, 40, 40, 40, 32016),
        "gqa7b": (4096, 14336, 32, 32, 8, 32016),
        "small": (1024, 2816, 4, 8, 2, 8192),
        "tiny": (256, 512, 2, 4, 2, 8192),
    }
)
KINDS = ("plain", "graphs", "graphs-whole", "compiled")
"""plain: LlamaModel. graphs: GraphedLlama. graphs-whole: the same without cutting long contexts
into parts. compiled: graphs with torch.compile.
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to measure; `context_length` is the longest that anything below asks for."""

    name: str
    model: LlamaModel
    context_length: int

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def config(self) -> ModelConfig:
        return self.model.config

    @property
    def read_per_step(self) -> int:
        """Bytes of weights that a decode step reads: of the embedding only a row."""
        embedding = self.model.weights.embedding
        tied = self.model.weights.head is embedding
        num_read = self.model.num_parameters - (0 if tied else embedding.numel())
        return num_read * embedding.itemsize

    @property
    def kv_bytes(self) -> int:
        """Bytes of one token in the KV cache."""
        return self.model.kv_shape.bytes_per_token(self.model.dtype)

    def contexts(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """Those that fit."""
        return tuple(n for n in wanted if n + 64 < self.context_length)

    @contextmanager
    def cache(self, num_slots: int, capacity: int) -> Iterator[KVTensors]:
        """Slots filled with small random numbers; freed at the end."""
        model = self.model
        kv = KVTensors(model.kv_shape, num_slots, capacity, dtype=model.dtype, device=model.device)
        for tensor in (*kv.keys, *kv.values):
            tensor.normal_(std=0.5)
        try:
            yield kv
        finally:
            kv.keys.clear()
            kv.values.clear()
            free(model.device)


def make_subject(name: str, device: torch.device, dtype: torch.dtype, seed: int = 0) -> Subject:
    """Random weights of a shape, on the device."""
    context_length = 1024 if name == "tiny" else 17408
    config = _config(name, context_length, dtype)
    generator = torch.Generator(device).manual_seed(seed)
    tensors = {n: _random(size, device, dtype, generator) for n, size in _sizes(config)}
    return Subject(name, LlamaModel(config, assemble_weights(config, tensors)), context_length)


def _config(name: str, context_length: int, dtype: torch.dtype) -> ModelConfig:
    """Read as a checkpoint's would be."""
    hidden, inner, layers, heads, kv_heads, vocabulary = SHAPES[name]
    raw = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": context_length,
        "rms_norm_eps": 1e-5,
        "rope_theta": 1e6,
        "tie_word_embeddings": False,
        "eos_token_id": 2,
        "torch_dtype": str(dtype).removeprefix("torch."),
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(raw), encoding="utf-8")
        return read_config(Path(folder))


def stepper(subject: Subject, kind: str) -> CausalModel:
    """What computes steps, freshly made, since graphs belong to a cache; see KINDS."""
    model = subject.model
    if kind == "plain":
        return model
    if kind == "graphs-whole":
        attention = SlotAttention(model.config.num_heads, in_parts=False)
        return GraphedLlama(model, attend=attention)
    return GraphedLlama(model, compiled=kind == "compiled")


def on_cpu(subject: Subject) -> Subject:
    """The same weights in float32 on the CPU."""
    weights = subject.model.weights
    cpu = torch.device("cpu")

    def moved(tensor: Tensor) -> Tensor:
        return tensor.to(cpu, torch.float32)

    layers = tuple(
        replace(layer, **{name: moved(getattr(layer, name)) for name in layer.__slots__})
        for layer in weights.layers
    )
    copy = replace(
        weights,
        embedding=moved(weights.embedding),
        layers=layers,
        norm=moved(weights.norm),
        head=moved(weights.head),
    )
    return replace(subject, model=LlamaModel(subject.config, copy))


def transformers_model(subject: Subject, attention: str = "sdpa") -> Any:
    """transformers' model over the same memory: its projections are slices of our fused ones."""
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    c = subject.config
    config = LlamaConfig(
        vocab_size=c.vocab_size,
        hidden_size=c.hidden_size,
        intermediate_size=c.intermediate_size,
        num_hidden_layers=c.num_layers,
        num_attention_heads=c.num_heads,
        num_key_value_heads=c.num_kv_heads,
        max_position_embeddings=c.context_length,
        rms_norm_eps=c.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": c.rope_theta},
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=None,
        pad_token_id=0,
        attn_implementation=attention,
        dtype=subject.model.dtype,
    )
    with torch.device("meta"):
        theirs = LlamaForCausalLM(config)
    theirs.load_state_dict(_their_tensors(subject), assign=True)
    with torch.device(subject.device):
        theirs.model.rotary_emb = LlamaRotaryEmbedding(config)
    theirs.generation_config.eos_token_id = None
    theirs.generation_config.pad_token_id = 0
    return theirs.eval().requires_grad_(requires_grad=False)


def _their_tensors(subject: Subject) -> dict[str, Tensor]:
    weights, c = subject.model.weights, subject.config
    tensors = {
        "model.embed_tokens.weight": weights.embedding,
        "model.norm.weight": weights.norm,
        "lm_head.weight": weights.head,
    }
    sizes = [count * c.head_dim for count in (c.num_heads, c.num_kv_heads, c.num_kv_heads)]
    for number, layer in enumerate(weights.layers):
        at = f"model.layers.{number}."
        for kind, tensor in zip("qkv", torch.split(layer.qkv, sizes), strict=True):
            tensors[f"{at}self_attn.{kind}_proj.weight"] = tensor
        gate, up = layer.gate_up.chunk(2)
        tensors |= {
            f"{at}self_attn.o_proj.weight": layer.attention_out,
            f"{at}mlp.gate_proj.weight": gate,
            f"{at}mlp.up_proj.weight": up,
            f"{at}mlp.down_proj.weight": layer.down,
            f"{at}input_layernorm.weight": layer.attention_norm,
            f"{at}post_attention_layernorm.weight": layer.mlp_norm,
        }
    return tensors


def free(device: torch.device) -> None:
    """Give memory back to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def synchronize(device: torch.device) -> None:
    """Wait for what the device computes."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Clock:
    """Milliseconds since it was made, with all that the device was given to do."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        synchronize(device)
        self._began = time.perf_counter()

    def ms(self) -> float:
        synchronize(self._device)
        return 1e3 * (time.perf_counter() - self._began)


def _sizes(c: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "model.embed_tokens.weight", (c.vocab_size, c.hidden_size)
    yield "lm_head.weight", (c.vocab_size, c.hidden_size)
    yield "model.norm.weight", (c.hidden_size,)
    queries, keys = c.num_heads * c.head_dim, c.num_kv_heads * c.head_dim
    for number in range(c.num_layers):
        at = f"model.layers.{number}."
        yield f"{at}input_layernorm.weight", (c.hidden_size,)
        yield f"{at}post_attention_layernorm.weight", (c.hidden_size,)
        yield f"{at}self_attn.q_proj.weight", (queries, c.hidden_size)
        yield f"{at}self_attn.k_proj.weight", (keys, c.hidden_size)
        yield f"{at}self_attn.v_proj.weight", (keys, c.hidden_size)
        yield f"{at}self_attn.o_proj.weight", (c.hidden_size, queries)
        yield f"{at}mlp.gate_proj.weight", (c.intermediate_size, c.hidden_size)
        yield f"{at}mlp.up_proj.weight", (c.intermediate_size, c.hidden_size)
        yield f"{at}mlp.down_proj.weight", (c.hidden_size, c.intermediate_size)


def _random(
    size: tuple[int, ...], device: torch.device, dtype: torch.dtype, generator: torch.Generator
) -> Tensor:
    if len(size) == 1:
        return torch.ones(size, device=device, dtype=dtype)
    return torch.empty(size, device=device, dtype=dtype).normal_(std=0.02, generator=generator)
