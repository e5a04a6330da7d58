"""Weights in eight bits: one symmetric scale per row, activations stay in float32."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model_runtime.model import Layer, Weights

_LARGEST = 127


@dataclass(frozen=True, slots=True)
class Int8Matrix:
    """A matrix [out, in] as int8 `codes` and float32 `scales` [out]: weight = code * scale."""

    codes: Tensor
    scales: Tensor


def quantize(matrix: Tensor) -> Int8Matrix:
    """Round a float matrix [out, in] to the nearest codes; the largest of a row becomes ±127."""
    matrix = matrix.float()
    scales = matrix.abs().amax(dim=1).clamp_min(1e-30) / _LARGEST
    codes = (matrix / scales[:, None]).round_().to(torch.int8)
    return Int8Matrix(codes, scales)


def dequantize(matrix: Int8Matrix) -> Tensor:
    """The float32 matrix that the codes stand for."""
    return matrix.codes.float() * matrix.scales[:, None]


def round_weights(weights: Weights) -> Weights:
    """The float32 weights that an int8 model computes with; embedding and norms are not rounded."""
    return Weights(
        weights.embedding.float(),
        tuple(_round_layer(layer) for layer in weights.layers),
        weights.norm.float(),
        dequantize(quantize(weights.head)),
    )


def _round_layer(layer: Layer) -> Layer:
    return Layer(
        attention_norm=layer.attention_norm.float(),
        qkv=dequantize(quantize(layer.qkv)),
        attention_out=dequantize(quantize(layer.attention_out)),
        mlp_norm=layer.mlp_norm.float(),
        gate_up=dequantize(quantize(layer.gate_up)),
        down=dequantize(quantize(layer.down)),
    )
