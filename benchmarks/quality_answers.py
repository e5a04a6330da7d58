"""Answers of a model with the log-probability of each of their tokens.

`EngineAnswers` asks the product's engine. `DirectAnswers` decodes the same prompts itself,
greedily, and remembers what the model said after each prefix, so that many ways of choosing a token
can be tried at little more than the price of one.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from model_runtime.api import (
    Chunk,
    CompletionRequest,
    Event,
    Finished,
    FinishReason,
    Layout,
    RuntimeFailure,
)
from model_runtime.checkpoint import load_model
from model_runtime.config import read_config
from model_runtime.devices import choose_dtype
from model_runtime.engine import Engine
from model_runtime.healing import ByteVocabulary, split_for_healing
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.prompt_opening import open_renderer
from model_runtime.prompts import Prompt, PromptRenderer
from model_runtime.step import CausalModel, Row
from model_runtime.stopping import TextAssembler


class Ending(StrEnum):
    """What ended an answer. The engine calls both of the first two a stop."""

    MODEL = "model"
    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Answer:
    """logprobs: of all tokens, as they were chosen: among those that healing allowed, after mixing;
    the one that ended the answer included.
    """

    text: str
    ending: Ending
    logprobs: tuple[float, ...]


class Answers(Protocol):
    """Whatever answers requests."""

    def answer(self, request: CompletionRequest) -> Answer:
        """Raises RuntimeFailure."""


class Mixer(Protocol):
    """A second opinion on the next token, made for one request."""

    def mixed(
        self, logprobs: Tensor, generated: Sequence[int], allowed: Sequence[int] | None
    ) -> Tensor:
        """What the next token is chosen by: [vocabulary], normalised, like `logprobs`, which are
        the model's among the allowed tokens. generated: the answer's ids so far. allowed: None for
        all.
        """


class EngineAnswers:
    """The product's own engine, in this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, request: CompletionRequest) -> Answer:
        """The engine's first candidate."""
        events: queue.Queue[Event | RuntimeFailure] = queue.Queue()
        self._engine.submit(request, events.put)
        chunks: list[Chunk] = []
        while isinstance(event := events.get(), Chunk):
            chunks.append(event)
        if not isinstance(event, Finished):
            raise event
        return Answer(
            text="".join(chunk.text for chunk in chunks),
            ending=Ending.STOP if event.reason is FinishReason.STOP else Ending.LENGTH,
            logprobs=tuple(value for chunk in chunks for value in chunk.logprobs),
        )


class Explorer:
    """The model's next-token logits after any ids, remembered until `forget`. One slot."""

    def __init__(self, model: CausalModel, capacity: int) -> None:
        self._model = model
        self._kv = KVTensors(model.kv_shape, 1, capacity, dtype=model.dtype, device=model.device)
        self._held: list[int] = []
        self._known: dict[tuple[int, ...], Tensor] = {}

    def logits(self, ids: Sequence[int]) -> Tensor:
        """[vocabulary], float32 on the CPU, of what follows `ids`, which must not be empty."""
        key = tuple(ids)
        if key not in self._known:
            start = min(shared_len(self._held, key), len(key) - 1)
            row = Row(0, start, key[start:])
            self._known[key] = self._model.forward([row], self._kv)[0].float().cpu()
            self._held = list(key)
        return self._known[key]

    def forget(self) -> None:
        """Drop the remembered logits; keys and values stay."""
        self._known.clear()


class DirectAnswers:
    """Greedy decoding on the model's forward pass; held equal to the engine's by a test."""

    def __init__(self, model: CausalModel, renderer: PromptRenderer) -> None:
        self.renderer = renderer
        self.explorer = Explorer(model, renderer.context_length)
        self._vocabulary = ByteVocabulary(renderer.tokenizer.vocabulary)

    def answer(self, request: CompletionRequest, mixer: Mixer | None = None) -> Answer:
        """Like the engine's, with `mixer` asked about each token."""
        return self.decode(self.renderer.render(request), request, mixer)

    def decode(
        self, prompt: Prompt, request: CompletionRequest, mixer: Mixer | None = None
    ) -> Answer:
        """Answer a prompt; of the request only the limits count."""
        assembler = TextAssembler(request.stop, prompt.healed)
        unhealed, ids, logprobs, text = prompt.healed, list(prompt.ids), list[float](), ""
        while len(logprobs) < request.max_tokens:
            logits = self._next(ids, len(prompt.ids), unhealed, mixer)
            token = int(logits.argmax())
            logprob = float(logits[token])
            logprobs.append(logprob)
            if token in prompt.end_ids:
                return Answer(text + assembler.flush(), Ending.MODEL, tuple(logprobs))
            piece = self.renderer.tokenizer.token_bytes(token)
            unhealed = unhealed[len(piece) :]
            text += assembler.push(piece)
            if assembler.stopped:
                return Answer(text, Ending.STOP, tuple(logprobs))
            ids.append(token)
        return Answer(text + assembler.flush(), Ending.LENGTH, tuple(logprobs))

    def _next(
        self, ids: Sequence[int], prompt_len: int, unhealed: bytes, mixer: Mixer | None
    ) -> Tensor:
        """The next token's log-probabilities among those that healing allows: [vocabulary]."""
        logits = self.explorer.logits(ids)
        allowed = self._vocabulary.compatible(unhealed) if unhealed else None
        if allowed is not None:
            kept = torch.full_like(logits, -torch.inf)
            kept[allowed] = logits[allowed]
            logits = kept
        logprobs = logits.log_softmax(-1)
        return mixer.mixed(logprobs, ids[prompt_len:], allowed) if mixer else logprobs


def healed_prefix_first(renderer: PromptRenderer, request: CompletionRequest) -> Prompt:
    """A prefix-first prompt with token healing, which the product does not do: for comparison."""
    merges = renderer.tokenizer.merges_indentation
    kept, tail = split_for_healing(request.prompt, merges_indentation=merges)
    prompt = renderer.render(replace(request, prompt=kept, layout=Layout.PSM, heal=False))
    return replace(prompt, healed=tail.encode())


def open_direct(folder: Path) -> DirectAnswers:
    """Load a model folder for decoding on one CPU thread. Raises RuntimeFailure."""
    torch.set_num_threads(1)
    config = read_config(folder)
    device = torch.device("cpu")
    model = load_model(folder, config, device, choose_dtype("auto", config, device), lambda _: None)
    return DirectAnswers(model, open_renderer(folder, config))


def shared_len(first: Sequence[int], second: Sequence[int]) -> int:
    """How many ids two sequences begin with in common."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))
