"""llama.cpp through llama-cpp-python, driven by token ids as llama.cpp's own server does it.

One sequence; the longest common prefix of what it holds and the next prompt is kept, the rest
removed, what is new evaluated in one go. Keys and values in float16, which is llama.cpp's default;
without flash attention, which was slower wherever we have measured.
Needs the extra `bench`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurements import Measurement
from benchmarks.peers import Clock, common_prefix_len

_BATCH = 2048  # what llama.cpp's server takes


class LlamaCppEngine:
    """A GGUF file on the CPU."""

    def __init__(
        self, file: Path, *, num_threads: int, context_length: int, flash_attention: bool = False
    ) -> None:
        from llama_cpp import Llama, llama_get_logits_ith

        self._llama: Any = Llama(
            str(file),
            n_ctx=context_length,
            n_batch=_BATCH,
            n_threads=num_threads,
            n_threads_batch=num_threads,
            flash_attn=flash_attention,
            verbose=False,
        )
        self._logits_of = llama_get_logits_ith
        self._num_logits = self._llama.n_vocab()
        self._held_ids: list[int] = []
        self.last_ids: list[int] = []

    def answer(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        """See Peer."""
        clock = Clock()
        # The last token is computed in any case: its logits are what the answer begins with.
        kept = min(common_prefix_len(self._held_ids, prompt_ids), len(prompt_ids) - 1)
        self._llama.n_tokens = kept  # eval() removes what lies behind
        answer_ids = [self._next(prompt_ids[kept:])]
        clock.token()
        while len(answer_ids) < num_tokens:
            answer_ids.append(self._next(answer_ids[-1:]))
        answer_ms = clock.elapsed_ms()
        self.last_ids = answer_ids
        self._held_ids = [*prompt_ids, *answer_ids[:-1]]
        return Measurement(
            prompt_tokens=len(prompt_ids),
            cached_tokens=kept,
            completion_tokens=num_tokens,
            ttft_ms=clock.first_token_ms,
            answer_ms=answer_ms,
        )

    def logits(self) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """Behind the last token evaluated: [vocabulary], valid until the next evaluation."""
        pointer = self._logits_of(self._llama.ctx, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._num_logits,))

    def _next(self, ids: Sequence[int]) -> int:
        self._llama.eval(ids)
        return int(self.logits().argmax())

    def close(self) -> None:
        """Let go of the weights."""
        self._llama.close()
