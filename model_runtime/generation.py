"""One candidate's answer as it grows: from rows of logits to chosen tokens and the chunks that tell
of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from model_runtime.api import Candidate, Chunk, FinishReason, Request
from model_runtime.healing import ByteVocabulary
from model_runtime.kv_cache.slots import Slot
from model_runtime.ngrams import CacheDistribution
from model_runtime.prompts import Prompt, PromptRenderer
from model_runtime.sampling import GreedyRows, Sampler
from model_runtime.stopping import TextAssembler

# What is worth checking at once; more gains little even where everything is right.
_LONGEST_DRAFT = 23
# Bytes; a longer stop string is found when it comes, only not in a draft.
_LONGEST_STOP = 64

Allowed = AbstractSet[int] | None
"""The only tokens that may come next (token healing); None for any."""


class Foresight(Protocol):
    """Guesses and expectations; see foresight.py."""

    def propose(self, limit: int, allowed: Allowed, batch_tokens: int) -> list[int]: ...

    def expectation(self, after: Sequence[int], allowed: Allowed) -> CacheDistribution | None: ...

    def accepted(self, tokens: Sequence[int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What generating needs to know of a model's tokens.

    unlikely: log-probability below which a token counts as a drop in confidence.
    """

    renderer: PromptRenderer
    by_bytes: ByteVocabulary
    unlikely: float

    def token_bytes(self, token: int) -> bytes:
        return self.renderer.tokenizer.token_bytes(token)


class Generation:
    """A candidate in its slot.

    next_ids: chosen tokens that the cache does not hold yet; empty before the first.
    reason: why it has ended, None while it goes on.
    """

    def __init__(
        self,
        request: Request,
        prompt: Prompt,
        vocabulary: Vocabulary,
        slot: Slot,
        foresight: Foresight,
        index: int = 0,
    ) -> None:
        self.slot = slot
        self._foresight = foresight
        self.index = index
        self.next_ids: list[int] = []
        self.reason: FinishReason | None = None
        self.num_generated = self.num_drafted = self.num_accepted = 0
        self._max_tokens = request.max_tokens
        self._prompt = prompt
        self._vocabulary = vocabulary
        self._sampler = Sampler(request.sampling, rank=index)
        self._unhealed = prompt.healed
        self._compatible: tuple[bytes, frozenset[int]] = (b"", frozenset())
        self._stops = [stop.encode() for stop in request.stop if stop]
        self._text = TextAssembler(request.stop, prompt.healed)
        self._num_chars = 0
        self._untold: list[float] = []
        self._sum_logprobs = 0.0
        self._first_drop: int | None = None
        self._chunks: list[Chunk] = []

    def draft(self, batch_tokens: int = 0) -> list[int]:
        """Guessed tokens to be checked together with the next one. batch_tokens: what the same step
        computes besides.
        """
        limit = min(self._max_tokens - self.num_generated - 1, _LONGEST_DRAFT)
        return self._up_to_stop(self._foresight.propose(limit, self._allowed(), batch_tokens))

    def take(self, logits: Tensor, draft: list[int]) -> int:
        """Choose tokens from what the model says after the last token and after each of the draft's
        ([1 + draft, vocabulary]); return how many of the draft's were right.

        Stops at the first token that differs from the draft: that one is the model's own choice,
        and what follows in the draft was computed behind another token.
        """
        greedy = GreedyRows(logits) if self._sampler.is_greedy else None
        chosen: list[int] = []
        for at in range(len(draft) + 1):
            if greedy and not self._unhealed:
                expected = self._foresight.expectation(chosen, None)
                token, logprob = greedy.choose(at, expected)
            else:
                token, logprob = self._sample(logits[at], chosen)
            chosen.append(token)
            self._push(token, logprob)
            if self.reason or at == len(draft) or token != draft[at]:
                break
        self.next_ids = chosen[-1:]
        self._count(chosen, draft)
        return len(chosen) - 1

    def take_chunks(self) -> list[Chunk]:
        """What has not been told yet."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def outcome(self) -> Candidate:
        """How it ended."""
        mean = self._sum_logprobs / self.num_generated if self.num_generated else 0.0
        return Candidate(self.reason or FinishReason.ABORTED, mean, self._first_drop)

    def _sample(self, logits: Tensor, chosen: list[int]) -> tuple[int, float]:
        allowed = self._allowed()
        return self._sampler.sample(logits, allowed, self._foresight.expectation(chosen, allowed))

    def _allowed(self) -> Allowed:
        """The tokens that agree with the bytes still to be regenerated."""
        if not self._unhealed:
            return None
        bytes_of_allowed, allowed = self._compatible
        if bytes_of_allowed != self._unhealed:
            allowed = frozenset(self._vocabulary.by_bytes.compatible(self._unhealed))
            self._compatible = (self._unhealed, allowed)
        return allowed

    def _up_to_stop(self, draft: list[int]) -> list[int]:
        """Leave out what would come behind the end of the answer."""
        if not self._stops:
            return draft
        text = b""
        for at, token in enumerate(draft):
            text = text[-_LONGEST_STOP:] + self._vocabulary.token_bytes(token)
            if any(stop in text for stop in self._stops):
                return draft[: at + 1]
        return draft

    def _count(self, chosen: list[int], draft: list[int]) -> None:
        self.num_drafted += len(draft)
        self.num_accepted += len(chosen) - 1
        self._foresight.accepted(chosen)

    def _push(self, token: int, logprob: float) -> None:
        self.num_generated += 1
        self._score(logprob)
        if token in self._prompt.end_ids:
            self._finish(FinishReason.STOP)
            return
        piece = self._vocabulary.token_bytes(token)
        self._unhealed = self._unhealed[len(piece) :]
        self._tell(self._text.push(piece))
        if self._text.stopped:
            self._finish(FinishReason.STOP)
        elif self.num_generated >= self._max_tokens:
            self._finish(FinishReason.LENGTH)

    def _score(self, logprob: float) -> None:
        # A JSON reader knows no infinity, and a token this unlikely is as unlikely as it gets.
        logprob = max(logprob, -1e3) if math.isfinite(logprob) else -1e3
        self._sum_logprobs += logprob
        self._untold.append(logprob)
        if self._first_drop is None and logprob < self._vocabulary.unlikely:
            self._first_drop = self._num_chars + self._text.num_held

    def _finish(self, reason: FinishReason) -> None:
        self._tell(self._text.flush())
        if self._untold:
            self._emit("")
        if self._first_drop is not None:
            self._first_drop = min(self._first_drop, self._num_chars)
        self.reason = reason

    def _tell(self, text: str) -> None:
        if text:
            self._emit(text)

    def _emit(self, text: str) -> None:
        self._num_chars += len(text)
        self._chunks.append(Chunk(text, self.index, tuple(self._untold)))
        self._untold = []
