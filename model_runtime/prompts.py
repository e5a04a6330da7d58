"""Renders a request into the token ids that the model sees. Torch-free.

Layouts as in Meta's `llama/generation.py`: PSM `[BOS PRE] prefix [SUF] suffix [MID]`, SPM `[BOS PRE
SUF] suffix [MID] prefix`, or in another family's way of putting the suffix first. FROZEN, for
families without SPM, is `[BOS PRE] prefix [SUF] suffix [MID] typed` with a prefix that ends at a
line some way before the cursor, and typed what follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from model_runtime.api import (
    Capability,
    ChatRequest,
    CompletionRequest,
    InvalidRequest,
    Layout,
    OtherFiles,
)
from model_runtime.capabilities import (
    ModelTraits,
    find_capabilities,
    missing_chat,
    missing_infilling,
)
from model_runtime.chat import ChatRenderer
from model_runtime.families import (
    Family,
    FimIds,
    SuffixFirst,
)
from model_runtime.snippets import ShownFiles, show_files, use_of_files
from model_runtime.tokenization import Ids, Tokenizer
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
class Frame:
    """Ids around every infilling prompt (`Family.before`, `after`), and what a document starts
    with.
    """

    start: Ids = ()
    before: Ids = ()
    after: Ids = ()


@dataclass(frozen=True, slots=True)
class PromptRenderer:
    """Knows one model's tokenizer, layouts and context length.

    frame: None for nothing but the tokenizer's BOS. chat: None without a chat format. known: what
    the model can do; None to tell by its tokens. alike: whose infilling tokens a model of no known
    family has; the name in `families`.
    """

    tokenizer: Tokenizer
    family: Family
    fim: FimIds | None
    eos_ids: frozenset[int]
    context_length: int
    frame: Frame | None = None
    chat: ChatRenderer | None = None
    known: frozenset[Capability] | None = None
    name: str = ""
    alike: str = ""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the model can do."""
        if self.known is not None:
            return self.known
        has_fim = self.fim is not None
        return find_capabilities(self.family, ModelTraits(name=self.name), has_fim=has_fim)

    @property
    def other_files(self) -> OtherFiles:
        """What becomes of a request's snippets in prompts, by family and context."""
        return use_of_files(self.family, self._room(0))

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Trained prompt orders, the default first; none without infilling."""
        return self.family.layouts if self._infills else ()

    def check(self, request: CompletionRequest | ChatRequest) -> None:
        """Raise InvalidRequest or MissingCapability for a request that could never be rendered.
        Takes no time.
        """
        if request.max_tokens < 0:
            raise InvalidRequest("max_tokens must not be negative.")
        longest = self.context_length - self._num_control_tokens - _MIN_PROMPT_TOKENS
        if request.max_tokens > longest:
            raise InvalidRequest(
                f"max_tokens {request.max_tokens} leaves no room for a prompt: the context is "
                f"{self.context_length} tokens.",
                f"Ask for at most {longest}.",
            )
        if isinstance(request, ChatRequest):
            self._chat_renderer.check(request.messages)
        elif request.suffix is not None:
            self._check_infilling(request)

    def render(self, request: CompletionRequest | ChatRequest) -> Prompt:
        """Turn a checked request into ids that leave `max_tokens` of the context free; too long
        texts are cut (see windows.py), long conversations lose their oldest turns.
        """
        budget = self._room(request.max_tokens)
        if isinstance(request, ChatRequest):
            ids = self._chat_renderer.render(request.messages, budget + self._num_control_tokens)
            return Prompt(ids, b"", self.eos_ids | self._chat_renderer.end_ids)
        files = self._files(request, budget)
        budget -= len(files.before) + len(files.head)
        if request.suffix is None or self.fim is None:
            prefix, healed = self._prefix(request.prompt, budget, files.head, heal=request.heal)
            ids = [*self._frame.start, *files.before, *prefix]
            return Prompt(ids or self._document_edge, healed, self.eos_ids)
        return self._infilling(request, request.suffix, self.fim, budget, files)

    def _files(self, request: CompletionRequest, budget: int) -> ShownFiles:
        """The same ones for an answer of any length: warm-ups have none. Nearly none where that
        leaves too little of the budget.
        """
        files = show_files(self.tokenizer, self.family, request, self._room(0))
        if len(files.before) + len(files.head) <= budget // 2:
            return files
        alone = replace(request, snippets=())
        return show_files(self.tokenizer, self.family, alone, self._room(0))

    def _room(self, max_tokens: int) -> int:
        """Tokens for a prompt's text before an answer."""
        answer = max(max_tokens, min(_RESERVED_ANSWER, self.context_length // 4))
        return self.context_length - answer - self._num_control_tokens

    @property
    def _infills(self) -> bool:
        return self.fim is not None and Capability.INFILLING in self.capabilities

    @property
    def _chat_renderer(self) -> ChatRenderer:
        if self.chat is None or Capability.CHAT not in self.capabilities:
            has_template = self.chat is not None
            raise missing_chat(self.family, self.name, has_template=has_template)
        return self.chat

    @property
    def _frame(self) -> Frame:
        if self.frame is not None:
            return self.frame
        return Frame(() if self.tokenizer.bos_id < 0 else (self.tokenizer.bos_id,))

    @property
    def _document_edge(self) -> list[int]:
        """What stands before a document in the training of models without BOS: the end of another
        one.
        """
        eos = self.tokenizer.eos_id
        return [eos if eos >= 0 else min(self.eos_ids)]

    @property
    def _num_control_tokens(self) -> int:
        frame = self._frame
        return _NUM_CONTROL_TOKENS + sum(map(len, (frame.start, frame.before, frame.after)))

    def _check_infilling(self, request: CompletionRequest) -> None:
        if not self._infills:
            raise missing_infilling(self.family, self.name, self.alike)
        if request.layout not in (Layout.AUTO, *self.family.layouts):
            raise InvalidRequest(f"This model has no layout {request.layout!r}.")

    def _infilling(
        self, request: CompletionRequest, text: str, fim: FimIds, budget: int, files: ShownFiles
    ) -> Prompt:
        layout = self.family.layouts[0] if request.layout is Layout.AUTO else request.layout
        suffix_budget = min(MAX_SUFFIX_TOKENS, budget // 4)
        suffix = suffix_window(self.tokenizer.encode_lines(text), suffix_budget)
        room = budget - len(suffix)
        if layout is Layout.FROZEN:
            ids, healed = self._frozen(request, suffix, fim, room, files.head)
        elif layout is Layout.SPM:
            ids, healed = self._suffix_first(request, suffix, fim, room, files.head)
        else:
            # Prefix-first training splits at any character, so there a cursor inside a token is
            # nothing unusual.
            prefix, healed = self._prefix(request.prompt, room, files.head, heal=False)
            ids = [fim.prefix, *prefix, fim.suffix, *suffix, *self._middle(fim)]
        end_ids = self.eos_ids if fim.end < 0 else self.eos_ids | {fim.end}
        ids = [*self._frame.start, *self._frame.before, *files.before, *ids]
        return Prompt(ids, healed, end_ids)

    def _suffix_first(
        self,
        request: CompletionRequest,
        suffix: list[int],
        fim: FimIds,
        room: int,
        head: Sequence[int],
    ) -> tuple[list[int], bytes]:
        order = self.family.suffix_first
        if order is SuffixFirst.CLOSED:
            prefix, healed = self._prefix(request.prompt, room, head, heal=False)
            return [fim.suffix, *suffix, fim.prefix, *prefix, *self._middle(fim)], healed
        prefix, healed = self._prefix(request.prompt, room, head, heal=request.heal)
        if order is SuffixFirst.BARE:
            return [fim.suffix, *suffix, fim.prefix, *prefix], healed
        return [fim.prefix, fim.suffix, *suffix, *self._middle(fim), *prefix], healed

    def _frozen(
        self,
        request: CompletionRequest,
        suffix: list[int],
        fim: FimIds,
        room: int,
        head: Sequence[int],
    ) -> tuple[list[int], bytes]:
        """The middle has begun already, and no middle in training ends inside a token: that is why
        it is healed.
        """
        typed_budget = min(MAX_TYPED_TOKENS, room // 2)
        encode = self.tokenizer.encode_continuation
        end = frozen_len(request.prompt, lambda typed: len(encode(typed)) <= typed_budget)
        prefix, _ = self._prefix(request.prompt[:end], room - typed_budget, head, heal=False)
        lines, tail = self._encode(request.prompt[end:], heal=request.heal)
        typed = prefix_window(lines, typed_budget)[1] if lines else []
        ids = [fim.prefix, *prefix, fim.suffix, *suffix, *self._middle(fim), *typed]
        return ids, tail.encode()

    def _middle(self, fim: FimIds) -> list[int]:
        return [*([] if fim.middle < 0 else [fim.middle]), *self._frame.after]

    def _prefix(
        self, text: str, budget: int, head: Sequence[int], *, heal: bool
    ) -> tuple[list[int], bytes]:
        """head: ids that stand before the window."""
        lines, tail = self._encode(text, heal=heal)
        if not lines:
            return [*head], tail.encode()
        first, ids = prefix_window(lines, budget)
        if head:
            return [*head, *ids], tail.encode()
        # The window's first line begins the text that the model sees: it gets the dummy space that
        # encode() gives.
        if len(ids) == sum(map(len, lines[first:])):
            ids = [*self.tokenizer.as_start(lines[first]), *ids[len(lines[first]) :]]
        return ids, tail.encode()

    def _encode(self, text: str, *, heal: bool) -> tuple[list[Ids], str]:
        if heal:
            return self.tokenizer.encode_for_healing(text)
        return self.tokenizer.encode_lines(text), ""
