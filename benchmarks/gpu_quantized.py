"""Weights of eight and four bits on a GPU: not built into the runtime. What its matrix products
would take with the kernels that torch ships, one decode step's worth of them, so that the one worth
building in is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.gpu_steps import best_ms
from benchmarks.gpu_subject import Subject, free

Product = Callable[[Tensor], Tensor]
Maker = Callable[[Tensor], tuple[Product, int]]
_GROUP = 128
_TOKENS = (1, 4, 16)


def quantized(subject: Subject, copy_gb_s: float) -> Iterator[dict[str, Any]]:
    """For each way: bytes, time of all products of a step, error of one, share of the bandwidth."""
    yield {"way": "int8 and int4 in the runtime on a GPU", "failed": "not built"}
    makers: dict[str, Maker] = {
        "bf16": _plain,
        "int8, compiled": _int8_compiled,
        "int8, _weight_int8pack_mm": _int8_packed,
        "int4, _weight_int4pack_mm": _int4_packed,
        "fp8, _scaled_mm": _fp8,
    }
    for name, make in makers.items():
        for num_tokens in _TOKENS:
            try:
                yield {"way": name} | _measure(subject, make, num_tokens, copy_gb_s)
            except Exception as error:  # noqa: BLE001 -- the reason belongs to the results
                yield {"way": name, "failed": f"{type(error).__name__}: {error}"[:300]}
                break
            finally:
                free(subject.device)


@torch.inference_mode()
def _measure(subject: Subject, make: Maker, num_tokens: int, copy_gb_s: float) -> dict[str, Any]:
    """Two layers' weights in turn would stay in the L2 cache: as many as reach past it are used."""
    layers = subject.model.weights.layers[:8]
    products: list[tuple[Product, Tensor]] = []
    num_bytes, apart = 0, 0.0
    for layer in layers:
        for weight in (layer.qkv, layer.attention_out, layer.gate_up, layer.down):
            product, size = make(weight)
            inputs = torch.randn(
                num_tokens, weight.shape[1], dtype=weight.dtype, device=weight.device
            )
            products.append((product, inputs))
            num_bytes += size
            if layer is layers[0]:
                expected = F.linear(inputs, weight).float()
                got = product(inputs).float()
                apart = max(apart, float((got - expected).norm() / expected.norm()))
    run = _captured(products) if subject.device.type == "cuda" else lambda: _all(products)
    ms = best_ms(subject.device, run) * len(subject.model.weights.layers) / len(layers)
    gb_s = num_bytes * len(subject.model.weights.layers) / len(layers) / ms / 1e6
    return {
        "tokens": num_tokens,
        "ms_per_step": round(ms, 3),
        "gb_s": round(gb_s, 1),
        "share_of_copy": round(gb_s / copy_gb_s, 3),
        "error": round(apart, 4),
    }


def _all(products: list[tuple[Product, Tensor]]) -> None:
    for product, inputs in products:
        product(inputs)


def _captured(products: list[tuple[Product, Tensor]]) -> Callable[[], object]:
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        _all(products)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        _all(products)
    return graph.replay


def _plain(weight: Tensor) -> tuple[Product, int]:
    return lambda x: F.linear(x, weight), weight.nbytes


def _int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric, a scale per row."""
    scales = weight.abs().amax(dim=1).float() / 127
    return (weight.float() / scales[:, None]).round().to(torch.int8), scales.to(weight.dtype)


def _int8_product(x: Tensor, weight: Tensor, scales: Tensor) -> Tensor:
    return F.linear(x, weight.to(x.dtype)) * scales


def _int8_compiled(weight: Tensor) -> tuple[Product, int]:
    """Inductor fuses the conversion into its own matrix product for one or a few tokens."""
    packed, scales = _int8(weight)
    compiled = torch.compile(_int8_product, dynamic=False)
    return lambda x: compiled(x, packed, scales), packed.nbytes


def _int8_packed(weight: Tensor) -> tuple[Product, int]:
    packed, scales = _int8(weight)
    return lambda x: torch._weight_int8pack_mm(x, packed, scales), packed.nbytes


def _int4_packed(weight: Tensor) -> tuple[Product, int]:
    """Asymmetric, a scale and a zero per group of 128: value = (q - 8) * scale + zero."""
    rows, columns = weight.shape
    groups = weight.float().view(rows, columns // _GROUP, _GROUP)
    low, high = groups.amin(-1), groups.amax(-1)
    scales = ((high - low) / 15).clamp(min=1e-6)
    steps = ((groups - low[..., None]) / scales[..., None]).round().clamp(0, 15)
    ids = steps.view(rows, columns).to(torch.uint8)
    halves = (ids[:, ::2] << 4) | ids[:, 1::2]
    packed = torch._convert_weight_to_int4pack(halves, 8)
    zeros = low + 8 * scales
    both = torch.stack((scales, zeros), dim=-1).transpose(0, 1).contiguous().to(torch.bfloat16)
    num_bytes = packed.nbytes + both.nbytes
    return lambda x: torch._weight_int4pack_mm(x, packed, _GROUP, both), num_bytes


def _fp8(weight: Tensor) -> tuple[Product, int]:
    """Weights and activations in e4m3 with a scale for all; the rows are padded to sixteen."""
    scale = weight.abs().amax().float() / 448
    packed = (weight.float() / scale).to(torch.float8_e4m3fn)

    def product(x: Tensor) -> Tensor:
        mine = x.abs().amax().float() / 448
        padded = F.pad(
            (x.float() / mine).to(torch.float8_e4m3fn).view(torch.uint8), (0, 0, 0, -len(x) % 16)
        )
        mixed = torch._scaled_mm(
            padded.view(torch.float8_e4m3fn),
            packed.t(),
            scale_a=mine,
            scale_b=scale,
            out_dtype=x.dtype,
        )
        return mixed[: len(x)]

    return product, packed.nbytes
