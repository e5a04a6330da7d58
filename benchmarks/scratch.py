"""The yardstick: `transformers.generate`, which computes every prompt from scratch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.measurements import Measurement


class ScratchEngine:
    """LlamaForCausalLM in float32 on the CPU, greedy, no cache kept between prompts."""

    def __init__(self, folder: Path, num_threads: int) -> None:
        from transformers import LlamaForCausalLM
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        torch.set_num_threads(num_threads)
        self._model: Any = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def measure(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        """Generate exactly `num_tokens` tokens."""
        ids = torch.tensor([list(prompt_ids)])
        clock = _Clock()
        with torch.inference_mode():
            self._model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                min_new_tokens=num_tokens,
                max_new_tokens=num_tokens,
                pad_token_id=0,
                streamer=clock,
            )
        return Measurement(
            prompt_tokens=len(prompt_ids),
            cached_tokens=0,
            completion_tokens=num_tokens,
            ttft_ms=clock.first_token_ms,
            answer_ms=clock.elapsed_ms(),
        )


class _Clock:
    """A streamer: generate() hands it the prompt, then each token, then calls end()."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._num_puts = 0
        self.first_token_ms = 0.0

    def put(self, _: object) -> None:
        self._num_puts += 1
        if self._num_puts == 2:
            self.first_token_ms = self.elapsed_ms()

    def end(self) -> None:
        """Nothing is held back."""

    def elapsed_ms(self) -> float:
        return 1000 * (time.perf_counter() - self._began)
