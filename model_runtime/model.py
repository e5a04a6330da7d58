"""The Llama forward pass over slots of the KV cache.

Touvron et al., arXiv 2307.09288: pre-norm blocks of rotary attention with grouped heads and a
SwiGLU MLP. Written for short queries on a long cache: projections that read the same input are
fused, keys and values are written in place. transformers' LlamaForCausalLM is the reference it is
tested against.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model_runtime.config import ModelConfig, RopeScaling
from model_runtime.kv_cache.tensors import KVShape, KVTensors
from model_runtime.step import Row


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one block, [out, in]; qkv and gate_up are stacked along `out`."""

    attention_norm: Tensor
    qkv: Tensor
    attention_out: Tensor
    mlp_norm: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """All weights of a model; `head` is `embedding` where the two are tied."""

    embedding: Tensor
    layers: tuple[Layer, ...]
    norm: Tensor
    head: Tensor

    def to(self, dtype: torch.dtype) -> Weights:
        """The same in another dtype; what has it already is shared."""
        return Weights(
            self.embedding.to(dtype),
            tuple(
                Layer(*(tensor.to(dtype) for tensor in _tensors(layer))) for layer in self.layers
            ),
            self.norm.to(dtype),
            self.head.to(dtype),
        )


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a row's tokens lie among those of the step: `first` to `last`, exclusive."""

    row: Row
    first: int
    last: int
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all layers of a step share. cos, sin: [tokens, head_dim]; wanted: [logits] int64."""

    spans: tuple[_Span, ...]
    cos: Tensor
    sin: Tensor
    wanted: Tensor


class LlamaModel:
    """A loaded model. Not thread-safe: one thread owns it."""

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        self.config = config
        self.weights = weights
        self._cos, self._sin = rotary_tables(
            config, weights.embedding.device, weights.embedding.dtype
        )

    @property
    def device(self) -> torch.device:
        return self.weights.embedding.device

    @property
    def dtype(self) -> torch.dtype:
        return self.weights.embedding.dtype

    @property
    def num_parameters(self) -> int:
        layers = (t for layer in self.weights.layers for t in _tensors(layer))
        distinct = {
            id(t): t.numel()
            for t in (self.weights.embedding, self.weights.norm, self.weights.head, *layers)
        }
        return sum(distinct.values())

    @property
    def kv_shape(self) -> KVShape:
        return KVShape(self.config.num_layers, self.config.num_kv_heads, self.config.head_dim)

    @torch.inference_mode()
    def forward(self, rows: Sequence[Row], kv: KVTensors) -> Tensor:
        """See `CausalModel.forward`. Projections take the tokens of all rows at once, attention
        goes row by row, each over the used part of its slot only.
        """
        ids = torch.tensor([i for row in rows for i in row.ids], device=self.device)
        hidden = F.embedding(ids, self.weights.embedding)
        plan = self._plan(rows)
        for index, layer in enumerate(self.weights.layers):
            hidden = hidden + self._attention(layer, hidden, kv, index, plan)
            hidden = hidden + self.mlp(layer, hidden)
        wanted = hidden[plan.wanted]
        return F.linear(self.norm(wanted, self.weights.norm), self.weights.head)

    def rotary(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin of these positions, each [positions, head_dim]."""
        return self._cos[positions], self._sin[positions]

    def _plan(self, rows: Sequence[Row]) -> _Plan:
        spans: list[_Span] = []
        wanted: list[int] = []
        first = 0
        for row in rows:
            last = first + len(row.ids)
            spans.append(_Span(row, first, last, self._mask(row)))
            wanted.extend(range(last - row.num_logits, last))
            first = last
        return _Plan(
            tuple(spans),
            torch.cat([self._cos[row.start : row.end] for row in rows]),
            torch.cat([self._sin[row.start : row.end] for row in rows]),
            torch.tensor(wanted, dtype=torch.int64, device=self.device),
        )

    def _attention(
        self, layer: Layer, hidden: Tensor, kv: KVTensors, index: int, plan: _Plan
    ) -> Tensor:
        config, num_tokens = self.config, len(hidden)
        num_rotated = config.num_heads + config.num_kv_heads
        qkv = F.linear(self.norm(hidden, layer.attention_norm), layer.qkv)
        heads = qkv.view(num_tokens, num_rotated + config.num_kv_heads, config.head_dim).transpose(
            0, 1
        )
        rotated = rotate(heads[:num_rotated], plan.cos, plan.sin)
        mixed = []
        for span in plan.spans:
            row, here = span.row, slice(span.first, span.last)
            keys, values = kv.layer(index, row.slot)
            keys[:, row.start : row.end] = rotated[config.num_heads :, here]
            values[:, row.start : row.end] = heads[num_rotated:, here]
            queries = rotated[: config.num_heads, here]
            mixed.append(self._attend(queries, keys[:, : row.end], values[:, : row.end], span.mask))
        joined = mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=1)
        return F.linear(joined.transpose(0, 1).reshape(num_tokens, -1), layer.attention_out)

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """[heads, query, head_dim] × [kv_heads, used, head_dim] → [heads, query, head_dim]."""
        if queries.shape[1] > 1:
            return F.scaled_dot_product_attention(
                queries[None],
                keys[None],
                values[None],
                attn_mask=mask,
                is_causal=mask is None,
                enable_gqa=True,
            )[0]
        # One query per head: the heads that share keys become the rows of one small product.
        grouped = queries.reshape(self.config.num_kv_heads, -1, self.config.head_dim)
        return F.scaled_dot_product_attention(grouped[None], keys[None], values[None])[0].reshape(
            queries.shape
        )

    def mlp(self, layer: Layer, hidden: Tensor) -> Tensor:
        """SwiGLU of the normalised [tokens, hidden]."""
        gate, up = F.linear(self.norm(hidden, layer.mlp_norm), layer.gate_up).chunk(2, dim=-1)
        return F.linear(F.silu(gate) * up, layer.down)

    def norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        """RMSNorm over the last dimension."""
        return F.rms_norm(hidden, weight.shape, weight, self.config.rms_norm_eps)

    def _mask(self, row: Row) -> Tensor | None:
        """[query, used] of bool, True where a query may look; None where plain causality or a
        single query needs no mask.
        """
        if len(row.ids) == 1 or row.start == 0:
            return None
        positions = torch.arange(row.end, device=self.device)
        return positions[None, :] <= positions[row.start :, None]


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding in the half-split convention of Hugging Face checkpoints. heads: [heads,
    query, head_dim]; cos, sin: [query, head_dim].
    """
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat((-second, first), dim=-1) * sin


def rotary_tables(
    config: ModelConfig, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """cos and sin, each [context_length, head_dim], computed in float32 (Su et al., arXiv
    2104.09864).
    """
    exponents = (
        torch.arange(0, config.head_dim, 2, dtype=torch.int64, device=device).float()
        / config.head_dim
    )
    frequencies = _scale(1.0 / config.rope_theta**exponents, config.rope_scaling)
    angles = torch.outer(torch.arange(config.context_length, device=device).float(), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def _scale(frequencies: Tensor, scaling: RopeScaling | None) -> Tensor:
    if scaling is None:
        return frequencies
    stretched = frequencies / scaling.factor
    if scaling.kind == "linear":
        return stretched
    # Llama 3.1: long wavelengths are stretched, short ones kept, those between blended.
    turns = scaling.original_context_length * frequencies / (2 * math.pi)
    kept = (
        (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    ).clamp(0, 1)
    return kept * frequencies + (1 - kept) * stretched


def assemble_weights(config: ModelConfig, tensors: dict[str, Tensor]) -> Weights:
    """Name and fuse the tensors of a Hugging Face checkpoint.

    Takes them out of `tensors` one by one, so that fusing needs the memory of one layer, not of a
    second model. Raises KeyError with the name of a missing one.
    """
    embedding = tensors.pop("model.embed_tokens.weight")
    head = embedding if config.tied_embeddings else tensors.pop("lm_head.weight")
    layers = tuple(_assemble_layer(tensors, f"model.layers.{i}.") for i in range(config.num_layers))
    return Weights(embedding, layers, tensors.pop("model.norm.weight"), head)


def _assemble_layer(tensors: dict[str, Tensor], prefix: str) -> Layer:
    def get(name: str) -> Tensor:
        return tensors.pop(f"{prefix}{name}.weight")

    return Layer(
        attention_norm=get("input_layernorm"),
        qkv=torch.cat([get(f"self_attn.{kind}_proj") for kind in "qkv"]),
        attention_out=get("self_attn.o_proj"),
        mlp_norm=get("post_attention_layernorm"),
        gate_up=torch.cat([get("mlp.gate_proj"), get("mlp.up_proj")]),
        down=get("mlp.down_proj"),
    )


def _tensors(layer: Layer) -> tuple[Tensor, ...]:
    return (
        layer.attention_norm,
        layer.qkv,
        layer.attention_out,
        layer.mlp_norm,
        layer.gate_up,
        layer.down,
    )
