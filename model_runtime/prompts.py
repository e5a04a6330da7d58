"""Renders a request into the token ids that the model sees. Torch-free.

Layouts as in Meta's `llama/generation.py`: PSM `[BOS PRE] prefix [SUF] suffix [MID]`, SPM `[BOS PRE
SUF] suffix [MID] prefix`.
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
from model_runtime.healing import split_for_healing
from model_runtime.tokenization import Tokenizer
from model_runtime.windows import prefix_window, suffix_window

MAX_CONTEXT_LENGTH = 8192
MAX_SUFFIX_TOKENS = 512
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
        if request.max_tokens < 1:
            raise InvalidRequest("max_tokens must be at least 1.")
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
        budget = self.context_length - request.max_tokens - _NUM_CONTROL_TOKENS
        if request.suffix is None or self.fim is None:
            prefix, healed = self._prefix(request.prompt, budget, heal=request.heal)
            return Prompt([self.tokenizer.bos_id, *prefix], healed, self.eos_ids)
        return self._infilling(request, request.suffix, self.fim, budget)

    def _infilling(self, request: CompletionRequest, text: str, fim: FimIds, budget: int) -> Prompt:
        layout = self.family.layouts[0] if request.layout is Layout.AUTO else request.layout
        suffix_budget = min(MAX_SUFFIX_TOKENS, budget // 4)
        suffix = suffix_window(self.tokenizer.encode_lines(text), suffix_budget)
        # Prefix-first training splits at any character, so there a cursor inside a token is nothing
        # unusual.
        heal = request.heal and layout is Layout.SPM
        prefix, healed = self._prefix(request.prompt, budget - len(suffix), heal=heal)
        bos = self.tokenizer.bos_id
        if layout is Layout.SPM:
            ids = [bos, fim.prefix, fim.suffix, *suffix, fim.middle, *prefix]
        else:
            ids = [bos, fim.prefix, *prefix, fim.suffix, *suffix, fim.middle]
        return Prompt(ids, healed, self.eos_ids | {fim.end})

    def _prefix(self, text: str, budget: int, *, heal: bool) -> tuple[list[int], bytes]:
        kept, tail = text, ""
        if heal:
            kept, tail = split_for_healing(
                text, merges_indentation=self.tokenizer.merges_indentation
            )
        lines = self.tokenizer.encode_lines(kept)
        if not lines:
            return [], tail.encode()
        first, ids = prefix_window(lines, budget)
        # The window's first line begins the text that the model sees: it gets the dummy space that
        # encode() gives.
        whole_line = len(ids) == sum(map(len, lines[first:]))
        if whole_line:
            start = kept.split("\n", first)[first] if first else kept
            ids = [*self.tokenizer.encode(_first_line(start)), *ids[len(lines[first]) :]]
        return ids, tail.encode()


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
        tokenizer = Tokenizer(file, control_pieces, config.vocab_size)
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


def _first_line(text: str) -> str:
    return text[: text.find("\n") + 1] or text
