"""`transformers.generate`: from scratch, and with a cache that is cut to the common prefix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.measurements import Measurement
from benchmarks.peers import Clock, common_prefix_len


def load_reference(folder: Path, num_threads: int) -> Any:
    """LlamaForCausalLM in float32 on the CPU, with the attention that transformers chooses."""
    from transformers import LlamaForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    torch.set_num_threads(num_threads)
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


class ScratchEngine:
    """Computes every prompt from its start; nothing is kept."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.last_ids: list[int] = []

    def answer(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        """See Peer."""
        watch = _Watch()
        _generate(self._model, prompt_ids, num_tokens, watch)
        self.last_ids = watch.answer_ids
        return Measurement(
            prompt_tokens=len(prompt_ids),
            cached_tokens=0,
            completion_tokens=num_tokens,
            ttft_ms=watch.clock.first_token_ms,
            answer_ms=watch.clock.elapsed_ms(),
        )


class CachedEngine:
    """Keeps one DynamicCache: `crop` drops what the next prompt does not share."""

    def __init__(self, model: Any) -> None:
        from transformers import DynamicCache

        self._model = model
        self._cache: Any = DynamicCache(config=model.config)
        self._cached_ids: list[int] = []
        self.last_ids: list[int] = []

    def answer(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        """See Peer."""
        watch = _Watch()
        # The last token is computed in any case: its logits are what the answer begins with.
        kept = min(common_prefix_len(self._cached_ids, prompt_ids), len(prompt_ids) - 1)
        self._cache.crop(-(len(self._cached_ids) - kept))
        _generate(self._model, prompt_ids, num_tokens, watch, past_key_values=self._cache)
        self.last_ids = watch.answer_ids
        self._cached_ids = [*prompt_ids, *self.last_ids][: self._cache.get_seq_length()]
        return Measurement(
            prompt_tokens=len(prompt_ids),
            cached_tokens=kept,
            completion_tokens=num_tokens,
            ttft_ms=watch.clock.first_token_ms,
            answer_ms=watch.clock.elapsed_ms(),
        )


def _generate(
    model: Any, prompt_ids: Sequence[int], num_tokens: int, watch: _Watch, **options: Any
) -> None:
    ids = torch.tensor([list(prompt_ids)])
    with torch.inference_mode():
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            min_new_tokens=num_tokens,
            max_new_tokens=num_tokens,
            pad_token_id=0,
            streamer=watch,
            **options,
        )


class _Watch:
    """A streamer: generate() hands it the prompt, then each token, then calls end()."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.answer_ids: list[int] = []
        self._prompt_seen = False

    def put(self, ids: torch.Tensor) -> None:
        if self._prompt_seen:
            self.clock.token()
            self.answer_ids += ids.tolist()
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is held back."""
