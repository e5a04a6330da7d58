"""What `decode.py` measures: engines that continue a prompt token by token, without drafts.

All are a `benchmarks.peers.Peer`, so that the prompt is computed once and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import torch

from benchmarks.bandwidth import Format
from benchmarks.measurements import Measurement
from benchmarks.peers import Clock, Peer, common_prefix_len
from model_runtime.cuda_graphs import graphed
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.model import LlamaModel
from model_runtime.native_model import NativeLlama, accelerate_on_cpu
from model_runtime.step import CausalModel, Row

NATIVE, NATIVE_INT8, TORCH, GRAPHS = (
    "fimbria C",
    "fimbria C int8",
    "fimbria torch",
    "fimbria graphs",
)
TRANSFORMERS, LLAMA_CPP, LLAMA_CPP_Q8 = "transformers", "llama.cpp f32", "llama.cpp q8_0"
_PREFILL = 512


@dataclass(frozen=True, slots=True)
class Subject:
    """The model to measure. folder: its checkpoint, None where it exists in memory only."""

    name: str
    model: LlamaModel
    folder: Path | None
    num_threads: int
    context_length: int


class NotHere(Exception):
    """This engine cannot be measured here; the message says why."""


class StepDecoder:
    """A model of the runtime on a slot of its own."""

    def __init__(self, model: CausalModel, context_length: int) -> None:
        self._model = model
        self._kv = KVTensors(
            model.kv_shape, 1, context_length, dtype=model.dtype, device=model.device
        )
        self._held_ids: list[int] = []
        self.last_ids: list[int] = []

    def answer(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        """See Peer."""
        clock = Clock()
        kept = min(common_prefix_len(self._held_ids, prompt_ids), len(prompt_ids) - 1)
        for start in range(kept, len(prompt_ids), _PREFILL):
            token = self._next(start, prompt_ids[start : start + _PREFILL])
        answer_ids = [token]
        clock.token()
        while len(answer_ids) < num_tokens:
            position = len(prompt_ids) + len(answer_ids) - 1
            answer_ids.append(self._next(position, answer_ids[-1:]))
        answer_ms = clock.elapsed_ms()
        self.last_ids = answer_ids
        self._held_ids = [*prompt_ids, *answer_ids[:-1]]
        return _measured(prompt_ids, kept, num_tokens, clock.first_token_ms, answer_ms)

    def _next(self, start: int, ids: Sequence[int]) -> int:
        return int(self._model.forward([Row(0, start, ids)], self._kv)[-1].argmax())


class HandLoop:
    """transformers' LlamaForCausalLM with a DynamicCache: the loop of `generate`, without what
    `generate` does around it.
    """

    def __init__(self, model: Any) -> None:
        from transformers import DynamicCache

        self._model = model
        self._cache: Any = DynamicCache(config=model.config)
        self._held_ids: list[int] = []
        self.last_ids: list[int] = []

    def answer(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        """See Peer."""
        clock = Clock()
        kept = min(common_prefix_len(self._held_ids, prompt_ids), len(prompt_ids) - 1)
        self._cache.crop(-(len(self._held_ids) - kept))
        answer_ids = [self._next(prompt_ids[kept:])]
        clock.token()
        while len(answer_ids) < num_tokens:
            answer_ids.append(self._next(answer_ids[-1:]))
        answer_ms = clock.elapsed_ms()
        self.last_ids = answer_ids
        self._held_ids = [*prompt_ids, *answer_ids[:-1]]
        return _measured(prompt_ids, kept, num_tokens, clock.first_token_ms, answer_ms)

    @torch.inference_mode()
    def _next(self, ids: Sequence[int]) -> int:
        given = torch.tensor([list(ids)])
        return int(
            self._model(given, past_key_values=self._cache, logits_to_keep=1).logits[0, -1].argmax()
        )


def _measured(
    prompt_ids: Sequence[int], kept: int, num_tokens: int, ttft_ms: float, answer_ms: float
) -> Measurement:
    return Measurement(len(prompt_ids), kept, num_tokens, ttft_ms, answer_ms)


@contextmanager
def native(subject: Subject, *, int8: bool = False) -> Iterator[Peer]:
    """Steps in C. Raises NotHere where torch computes instead."""
    model = accelerate_on_cpu(subject.model, int8=int8)
    if not isinstance(model, NativeLlama):
        raise NotHere("the steps are not compiled here")
    yield StepDecoder(model, subject.context_length)


@contextmanager
def native_int8(subject: Subject) -> Iterator[Peer]:
    """Steps in C with weights of eight bits."""
    with native(subject, int8=True) as peer:
        yield peer


@contextmanager
def by_torch(subject: Subject) -> Iterator[Peer]:
    """The runtime's own forward pass on torch."""
    yield StepDecoder(subject.model, subject.context_length)


@contextmanager
def by_graphs(subject: Subject) -> Iterator[Peer]:
    """The same as CUDA graphs. Raises NotHere without a GPU."""
    if subject.model.device.type != "cuda":
        raise NotHere("CUDA graphs need a GPU")
    yield StepDecoder(graphed(subject.model), subject.context_length)


@contextmanager
def by_transformers(subject: Subject) -> Iterator[Peer]:
    """transformers on the same checkpoint. Raises NotHere without one."""
    if subject.folder is None:
        raise NotHere("there is no checkpoint for transformers")
    from benchmarks.peers.generate import load_reference

    yield HandLoop(load_reference(subject.folder, subject.num_threads))


@contextmanager
def by_llama_cpp(subject: Subject, quantization: str = "f32") -> Iterator[Peer]:
    """llama.cpp on the same weights. Raises NotHere without a checkpoint or the extra `bench`."""
    if subject.folder is None:
        raise NotHere("there is no checkpoint for llama.cpp")
    if find_spec("llama_cpp") is None or find_spec("gguf") is None:
        raise NotHere("llama-cpp-python and gguf are not installed")
    from benchmarks.peers.gguf_export import export_gguf
    from benchmarks.peers.llama_cpp import LlamaCppEngine

    with TemporaryDirectory() as place:
        file = Path(place) / "model.gguf"
        export_gguf(subject.folder, file, quantization)
        engine = LlamaCppEngine(
            file, num_threads=subject.num_threads, context_length=subject.context_length
        )
        try:
            yield engine
        finally:
            engine.close()


@contextmanager
def by_llama_cpp_q8(subject: Subject) -> Iterator[Peer]:
    """llama.cpp with blocks of eight-bit weights."""
    with by_llama_cpp(subject, "q8_0") as peer:
        yield peer


Open = Callable[[Subject], Any]
ENGINES: Mapping[str, Open] = MappingProxyType(
    {
        NATIVE: native,
        NATIVE_INT8: native_int8,
        TORCH: by_torch,
        GRAPHS: by_graphs,
        TRANSFORMERS: by_transformers,
        LLAMA_CPP: by_llama_cpp,
        LLAMA_CPP_Q8: by_llama_cpp_q8,
    }
)
"""Each opens an engine as a context manager, or raises NotHere."""


def stored_format(engine: str, dtype: torch.dtype) -> Format:
    """How an engine holds the weights of a model of this dtype, and its keys and values."""
    if engine == NATIVE_INT8:
        return Format(1, 4)
    if engine in {LLAMA_CPP, LLAMA_CPP_Q8}:  # keys and values in float16, its default
        return Format(4 if engine == LLAMA_CPP else 34 / 32, 2)
    return Format(dtype.itemsize, dtype.itemsize)
