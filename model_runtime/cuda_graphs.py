"""Steps on a GPU as CUDA graphs: captured once per shape, replayed without Python or launches in
between.

Attention is flash_attention.py's, which reads each sequence's used positions in place.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from model_runtime.failures import memory_failure
from model_runtime.flash_attention import SlotAttention
from model_runtime.kv_cache.tensors import KVShape, KVTensors
from model_runtime.model import LlamaModel
from model_runtime.padded_step import (
    Attend,
    PaddedStep,
    StepInputs,
    StepShape,
    fits,
    pack,
    shape_for,
)
from model_runtime.step import Row

_WARM_UP_RUNS = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    inputs: StepInputs
    logits: Tensor


class GraphedLlama:
    """A LlamaModel on a GPU in float16 or bfloat16. Steps that no bucket takes run plainly."""

    def __init__(
        self, model: LlamaModel, *, compiled: bool = False, attend: Attend | None = None
    ) -> None:
        """compiled: let torch.compile fuse what lies between the matrix products; slower to
        capture. attend: SlotAttention if None.
        """
        self._model = model
        step = PaddedStep(model, attend or SlotAttention(model.config.num_heads))
        self._step = torch.compile(step, dynamic=False) if compiled else step
        self._captured: dict[StepShape, _Captured] = {}
        self._pool: Any = None
        self._cache_address = 0
        self.num_replayed = self.num_plain = 0

    @property
    def device(self) -> torch.device:
        return self._model.device

    @property
    def dtype(self) -> torch.dtype:
        return self._model.dtype

    @property
    def num_parameters(self) -> int:
        return self._model.num_parameters

    @property
    def kv_shape(self) -> KVShape:
        return self._model.kv_shape

    @torch.inference_mode()
    def forward(self, rows: Sequence[Row], kv: KVTensors) -> Tensor:
        """See `CausalModel.forward`."""
        if self.device.type != "cuda" or not fits(rows, kv.capacity):
            self.num_plain += 1
            return self._model.forward(rows, kv)
        self._forget_other_caches(kv)
        shape = shape_for(rows, kv.capacity)
        captured = self._captured.get(shape) or self._capture(shape, kv)
        captured.inputs.buffer.copy_(pack(rows, shape, kv.capacity))
        captured.graph.replay()
        self.num_replayed += 1
        return captured.logits[: sum(row.num_logits for row in rows)]

    def _forget_other_caches(self, kv: KVTensors) -> None:
        """A graph reads and writes the addresses that it was captured with."""
        address = kv.keys[0].data_ptr()
        if address != self._cache_address:
            self._forget()
            self._cache_address = address

    def _forget(self) -> None:
        """A pool of memory cannot be captured into again once its last graph is gone."""
        self._captured.clear()
        self._pool = None

    def _capture(self, shape: StepShape, kv: KVTensors) -> _Captured:
        try:
            captured = self._record(shape, kv)
        except RuntimeError as error:
            if memory_failure(error) is None or not self._captured:
                raise
            # Graphs keep what their steps have needed; the ones in use are captured again.
            self._forget()
            torch.cuda.empty_cache()
            captured = self._record(shape, kv)
        logger.debug("captured %s", shape)
        self._captured[shape] = captured
        return captured

    def _record(self, shape: StepShape, kv: KVTensors) -> _Captured:
        inputs = StepInputs.empty(shape, self.device)
        # Warming up writes to the cache: to the last position of slot 0, which is nobody's.
        inputs.positions.fill_(kv.capacity - 1)
        inputs.used.fill_(max(1, shape.tokens))
        inputs.starts[1:] = shape.tokens
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_RUNS):
                self._step(inputs, shape, kv)
        torch.cuda.current_stream(self.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Another thread may load a second model meanwhile, which reserves memory.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            logits = self._step(inputs, shape, kv)
        self._pool = self._pool or graph.pool()
        return _Captured(graph, inputs, logits)


def graphed(model: LlamaModel) -> GraphedLlama | LlamaModel:
    """The model with captured steps where its device and dtype allow them, else as it is."""
    captures = model.device.type == "cuda" and model.dtype in (torch.float16, torch.bfloat16)
    return GraphedLlama(model) if captures else model
