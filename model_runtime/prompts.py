"""Renders a request into the token ids that the model sees. Torch-free.

Layouts as in Meta's `llama/generation.py`: PSM `[BOS PRE] prefix [SUF] suffix [MID]`, SPM `[BOS PRE
SUF] suffix [MID] prefix`. FROZEN, for families without SPM, is `[BOS PRE] prefix [SUF] suffix [MID]
typed` with a prefix that ends at a line some way before the cursor, and typed what follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model_runtime.api import (
    Capability,
    CompletionRequest,
    InvalidRequest,
    Layout,
    MissingCapability,
    UnsupportedModel,
)
from model_runtime.config import ModelConfig
from model_runtime.families import CODE_LLAMA, Family, FimIds, capabilities, find_fim_ids
from model_runtime.tokenization import Ids, SentencePieceTokenizer, Tokenizer
from model_runtime.windows import frozen_len, prefix_window, suffix_window

MAX_CONTEXT_LENGTH = 8192
MAX_SUFFIX_TOKENS = 512
MAX_TYPED_TOKENS = 256
# Requests for up to so many tokens see the same windows, also those that only warm the cache up.
_RESERVED_ANSWER = 128
# BOS, the three markers, and the dummy space that sentencepiece may add.
_NUM_CONTROL_TOKENS = 5
_MIN_PROMPT_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Prompt:
    """ids: the prompt. healed: bytes that were cut off its end and must be generated first.
    end_ids: tokens that end the answer.
    """

    ids: list[int]
    healed: bytes
    end_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class PromptRenderer:
    """Knows one model's tokenizer, layouts and context length."""

    tokenizer: Tokenizer
    family: Family
    fim: FimIds | None
    eos_ids: frozenset[int]
    context_length: int

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the model can do."""
        return capabilities(self.fim)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Trained prompt orders, the default first; none without infilling."""
        return self.family.layouts if self.fim else ()

    def check(self, request: CompletionRequest) -> None:
        """Raise InvalidRequest or MissingCapability for a request that could never be rendered.
        Takes no time.
        """
        if request.max_tokens < 0:
            raise InvalidRequest("max_tokens must not be negative.")
        longest = self.context_length - _NUM_CONTROL_TOKENS - _MIN_PROMPT_TOKENS
        if request.max_tokens > longest:
            raise InvalidRequest(
                f"max_tokens {request.max_tokens} leaves no room for a prompt: the context is "
                f"{self.context_length} tokens.",
                f"Ask for at most {longest}.",
            )
        if request.suffix is None:
            return
        if self.fim is None:
            raise MissingCapability(
                "This model was not trained for infilling.",
                "Leave out the suffix, or use Code Llama 7B or 13B (base or Instruct).",
            )
        if request.layout not in (Layout.AUTO, *self.family.layouts):
            raise InvalidRequest(f"This model has no layout {request.layout!r}.")

    def render(self, request: CompletionRequest) -> Prompt:
        """Turn a checked request into ids that leave `max_tokens` of the context free; too long
        texts are cut (see windows.py).
        """
        answer = max(request.max_tokens, min(_RESERVED_ANSWER, self.context_length // 4))
        budget = self.context_length - answer - _NUM_CONTROL_TOKENS
        if request.suffix is None or self.fim is None:
            prefix, healed = self._prefix(request.prompt, budget, heal=request.heal)
            return Prompt([*self._bos, *prefix], healed, self.eos_ids)
        return self._infilling(request, request.suffix, self.fim, budget)

    @property
    def _bos(self) -> list[int]:
        return [] if self.tokenizer.bos_id < 0 else [self.tokenizer.bos_id]

    def _infilling(self, request: CompletionRequest, text: str, fim: FimIds, budget: int) -> Prompt:
        layout = self.family.layouts[0] if request.layout is Layout.AUTO else request.layout
        suffix_budget = min(MAX_SUFFIX_TOKENS, budget // 4)
        suffix = suffix_window(self.tokenizer.encode_lines(text), suffix_budget)
        room = budget - len(suffix)
        if layout is Layout.FROZEN:
            return self._frozen(request, suffix, fim, room)
        # Prefix-first training splits at any character, so there a cursor inside a token is nothing
        # unusual.
        heal = request.heal and layout is Layout.SPM
        prefix, healed = self._prefix(request.prompt, room, heal=heal)
        if layout is Layout.SPM:
            ids = [*self._bos, fim.prefix, fim.suffix, *suffix, fim.middle, *prefix]
        else:
            ids = [*self._bos, fim.prefix, *prefix, fim.suffix, *suffix, fim.middle]
        return Prompt(ids, healed, self.eos_ids | {fim.end})

    def _frozen(
        self, request: CompletionRequest, suffix: list[int], fim: FimIds, room: int
    ) -> Prompt:
        """The middle has begun already, and no middle in training ends inside a token: that is why
        it is healed.
        """
        typed_budget = min(MAX_TYPED_TOKENS, room // 2)
        encode = self.tokenizer.encode_continuation
        end = frozen_len(request.prompt, lambda typed: len(encode(typed)) <= typed_budget)
        prefix, _ = self._prefix(request.prompt[:end], room - typed_budget, heal=False)
        lines, tail = self._encode(request.prompt[end:], heal=request.heal)
        typed = prefix_window(lines, typed_budget)[1] if lines else []
        ids = [*self._bos, fim.prefix, *prefix, fim.suffix, *suffix, fim.middle, *typed]
        return Prompt(ids, tail.encode(), self.eos_ids | {fim.end})

    def _prefix(self, text: str, budget: int, *, heal: bool) -> tuple[list[int], bytes]:
        lines, tail = self._encode(text, heal=heal)
        if not lines:
            return [], tail.encode()
        first, ids = prefix_window(lines, budget)
        # The window's first line begins the text that the model sees: it gets the dummy space that
        # encode() gives.
        if len(ids) == sum(map(len, lines[first:])):
            ids = [*self.tokenizer.as_start(lines[first]), *ids[len(lines[first]) :]]
        return ids, tail.encode()

    def _encode(self, text: str, *, heal: bool) -> tuple[list[Ids], str]:
        if heal:
            return self.tokenizer.encode_for_healing(text)
        return self.tokenizer.encode_lines(text), ""


def open_renderer(folder: Path, config: ModelConfig) -> PromptRenderer:
    """Read a checkpoint folder's tokenizer. Raises UnsupportedModel."""
    file = folder / "tokenizer.model"
    if not file.is_file():
        raise UnsupportedModel(
            f"There is no tokenizer.model in {folder}.",
            "Fimbria needs the checkpoint's sentencepiece tokenizer beside the weights.",
        )
    pieces = CODE_LLAMA.fim
    control_pieces = {pieces.prefix, pieces.suffix, pieces.middle, pieces.end}
    try:
        tokenizer = SentencePieceTokenizer(file, control_pieces, config.vocab_size)
    except (OSError, RuntimeError) as error:
        raise UnsupportedModel(
            f"{file} is not a sentencepiece model.", "Download the checkpoint again."
        ) from error
    return PromptRenderer(
        tokenizer,
        CODE_LLAMA,
        find_fim_ids(CODE_LLAMA, tokenizer.id_of, config.vocab_size),
        config.eos_ids | {tokenizer.eos_id},
        min(config.context_length, MAX_CONTEXT_LENGTH),
    )
