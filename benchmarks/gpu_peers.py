"""What transformers does with the same weights on the same device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks.gpu_steps import ANSWER_LEN, quantile
from benchmarks.gpu_subject import Clock, Subject, free, transformers_model

NAMES = ("dynamic", "static", "continuous")
"""In the order of what is wanted most, should time run out; static compiles for a minute or two."""


def peers(subject: Subject, tries: int) -> Iterator[dict[str, Any]]:
    """A keystroke as each peer answers it: 4k tokens of prompt, 24 of answer, nothing kept between
    requests but what the peer itself keeps. What fails says why.
    """
    runs: dict[str, Callable[[Subject, int], Iterator[dict[str, Any]]]] = {
        "dynamic": _dynamic,
        "continuous": _continuous,
        "static": _static,
    }
    for name in NAMES:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield from runs[name](subject, tries)
        except Exception as error:  # noqa: BLE001 -- the reason belongs to the results
            yield {"peer": name, "failed": f"{type(error).__name__}: {error}"[:400]}
        free(subject.device)


def _dynamic(subject: Subject, tries: int) -> Iterator[dict[str, Any]]:
    model = transformers_model(subject)
    for length in subject.contexts((512, 4096)) or (256,):
        yield _generate(model, "generate, dynamic", length, tries)


def _static(subject: Subject, tries: int) -> Iterator[dict[str, Any]]:
    """`generate` compiles the decode step by itself when the cache is static."""
    model = transformers_model(subject)
    length = (subject.contexts((4096,)) or (256,))[-1]
    clock = Clock(subject.device)
    _ask(model, length, cache_implementation="static")
    compile_s = clock.ms() / 1e3
    figures = _generate(
        model, "generate, static + compile", length, tries, cache_implementation="static"
    )
    yield figures | {"first_s": round(compile_s, 1)}


def _generate(model: Any, name: str, length: int, tries: int, **options: Any) -> dict[str, Any]:
    times: dict[int, list[float]] = {1: [], ANSWER_LEN: []}
    for max_tokens, found in times.items():
        for number in range(tries + 1):
            clock = Clock(model.device)
            _ask(model, length, max_tokens, **options)
            if number:
                found.append(clock.ms())
    first, answer = (quantile(found, 0.5) for found in times.values())
    return {
        "peer": name,
        "prompt_tokens": length,
        "ttft_p50_ms": round(first, 2),
        "answer_p50_ms": round(answer, 2),
        "decode_ms_per_token": round((answer - first) / (ANSWER_LEN - 1), 3),
    }


def _ask(model: Any, length: int, max_tokens: int = ANSWER_LEN, **options: Any) -> None:
    ids = torch.arange(length, device=model.device)[None] % 5000 + 100
    model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=max_tokens,
        min_new_tokens=max_tokens,
        do_sample=False,
        **options,
    )


def _continuous(subject: Subject, tries: int) -> Iterator[dict[str, Any]]:
    """`generate_batch`: 1 and 8 prompts at once, with a cache of no more pages than they need; each
    call starts and ends its manager, which the time includes.
    """
    from transformers import ContinuousBatchingConfig, GenerationConfig

    model = transformers_model(subject)
    config = GenerationConfig(
        max_new_tokens=ANSWER_LEN, do_sample=False, eos_token_id=-1, pad_token_id=0
    )
    length = (subject.contexts((4096,)) or (256,))[-1]
    for num_prompts in (1, 8):
        batching = ContinuousBatchingConfig(
            num_blocks=num_prompts * (length // 256 + 2) + 8, max_batch_tokens=max(512, length // 4)
        )
        prompts = [[100 + (i + n) % 5000 for i in range(length)] for n in range(num_prompts)]
        found = []
        for _ in range(tries + 1):
            clock = Clock(subject.device)
            answers = model.generate_batch(
                prompts, generation_config=config, continuous_batching_config=batching
            )
            found.append(clock.ms())
        tokens = sum(len(answer.generated_tokens) for answer in answers.values())
        yield {
            "peer": "continuous batching",
            "prompts": num_prompts,
            "prompt_tokens": length,
            "answer_p50_ms": round(quantile(found[1:], 0.5), 2),
            "tokens": tokens,
        }
