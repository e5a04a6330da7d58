"""How long steps take: bandwidth, decoding, batches, prefill, captures, keystrokes without the
engine around them. Tokens are arbitrary: none of these times depends on which they are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks.gpu_subject import Clock, Subject, stepper
from benchmarks.measurements import percentile
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.padded_step import TOKEN_BUCKETS
from model_runtime.step import CausalModel, Row

Rows = Iterator[dict[str, Any]]
PREFILL_CHUNK = TOKEN_BUCKETS[-1]
ANSWER_LEN = 24
CONTEXTS = (512, 4096, 16384)
PREFILLS = (512, 2048, 4096, 8192, 16384)
_WARM_UPS = 3


def bandwidth(device: torch.device, num_bytes: int) -> dict[str, float]:
    """GB/s of a copy, counting what is read and what is written, and of a read alone."""
    source = torch.ones(num_bytes // 2, dtype=torch.bfloat16, device=device)
    target = torch.empty_like(source)
    copy_ms = best_ms(device, lambda: target.copy_(source))
    read_ms = best_ms(device, lambda: torch.max(source))
    return {
        "copy_gb_s": round(2 * num_bytes / copy_ms / 1e6, 1),
        "read_gb_s": round(num_bytes / read_ms / 1e6, 1),
    }


def best_ms(device: torch.device, run: Callable[[], object], tries: int = 5) -> float:
    """The shortest of some runs, after one that does not count."""
    run()
    times = []
    for _ in range(tries):
        clock = Clock(device)
        run()
        times.append(clock.ms())
    return min(times)


def quantile(values: Sequence[float], share: float) -> float:
    """`share` of the values, 0 to 1, are no larger; in any order."""
    return percentile(sorted(values), share)


def decode(subject: Subject, kinds: tuple[str, ...], copy_gb_s: float, steps: int) -> Rows:
    """Decoding one sequence behind contexts of several lengths, the chosen token read back."""
    for context in subject.contexts(CONTEXTS):
        for kind in kinds:
            yield _decode_row(subject, kind, 1, context, copy_gb_s, steps)


def batches(subject: Subject, kinds: tuple[str, ...], copy_gb_s: float, steps: int) -> Rows:
    """Decoding several sequences at once behind a thousand tokens each."""
    context = min(1024, subject.context_length // 4)
    for kind in kinds:
        for num_rows in (1, 2, 4, 8, 16, 32):
            yield _decode_row(subject, kind, num_rows, context, copy_gb_s, steps)


def prefill(subject: Subject, kinds: tuple[str, ...]) -> Rows:
    """Cold: from an empty slot to the first token. Chunks as the engine cuts them at most; whole
    prompts in one step for the plain pass.
    """
    for length in subject.contexts(PREFILLS):
        for kind in kinds:
            for chunk in {PREFILL_CHUNK, length} if kind == "plain" else {PREFILL_CHUNK}:
                yield _prefill_row(subject, kind, length, chunk)


def captures(subject: Subject) -> Rows:
    """What the first step of a shape costs, and the steps after it."""
    with subject.cache(2, _capacity(4096, subject)) as kv:
        model, start = stepper(subject, "graphs"), min(4000, kv.capacity // 2)
        for size in (1, 2, 4, 8, 64, PREFILL_CHUNK):
            if start + size >= kv.capacity:
                continue
            row = Row(0, start, _ids(size))
            clock = Clock(subject.device)
            model.forward([row], kv)
            first = clock.ms()
            later = best_ms(subject.device, partial(model.forward, [row], kv))
            yield {"tokens": size, "first_ms": round(first, 1), "later_ms": round(later, 3)}


def keystrokes(subject: Subject, kinds: tuple[str, ...], keys: int) -> Rows:
    """Warm keystrokes behind 4k tokens: 1 to 4 new ones, then 24 to answer; with drafts of eight of
    which each token is right with the given chance, as an oracle decides.
    """
    for kind in kinds:
        for draft_len, chance in ((0, 0.0), (8, 0.5), (8, 0.8), (8, 1.0)):
            with subject.cache(1, _capacity(4096, subject)) as kv:
                model = stepper(subject, kind)
                dice = random.Random(0)
                start = min(4096, kv.capacity - 64) - 8
                for _ in range(_WARM_UPS):
                    _keystroke(model, kv, start, (4, draft_len, chance), random.Random(1))
                measured = [
                    _keystroke(model, kv, start, (dice.randint(1, 4), draft_len, chance), dice)
                    for _ in range(keys)
                ]
            yield {
                "kind": kind,
                "draft": draft_len,
                "accepted": chance,
                "ttft_p50_ms": round(quantile([m[0] for m in measured], 0.5), 2),
                "ttft_p95_ms": round(quantile([m[0] for m in measured], 0.95), 2),
                "answer_p50_ms": round(quantile([m[1] for m in measured], 0.5), 2),
                "answer_p95_ms": round(quantile([m[1] for m in measured], 0.95), 2),
                "steps": round(sum(m[2] for m in measured) / len(measured), 1),
            }


def _keystroke(
    model: CausalModel,
    kv: KVTensors,
    start: int,
    how: tuple[int, int, float],
    dice: random.Random,
) -> tuple[float, float, int]:
    """Milliseconds to the first token and to the last, and the number of steps."""
    num_new, draft_len, chance = how
    clock = Clock(model.device)
    _choose(model, kv, Row(0, start, _ids(num_new)))
    first_ms, num_steps = clock.ms(), 1
    have, position = 1, start + num_new
    while have < ANSWER_LEN:
        drafted = min(draft_len, ANSWER_LEN - have - 1)
        _choose(model, kv, Row(0, position, _ids(1 + drafted), 1 + drafted))
        right = next((i for i in range(drafted) if dice.random() >= chance), drafted)
        have, position, num_steps = have + 1 + right, position + 1 + right, num_steps + 1
    return first_ms, clock.ms(), num_steps


def _decode_row(
    subject: Subject, kind: str, num_rows: int, context: int, copy_gb_s: float, steps: int
) -> dict[str, Any]:
    with subject.cache(num_rows, _capacity(context, subject)) as kv:
        model, times = stepper(subject, kind), []
        for step in range(-_WARM_UPS, steps):
            position = context + max(0, step) % 32
            rows = [Row(slot, position, (7,)) for slot in range(num_rows)]
            clock = Clock(subject.device)
            model.forward(rows, kv).argmax(-1).tolist()
            if step >= 0:
                times.append(clock.ms())
    ms = quantile(times, 0.5)
    num_bytes = subject.read_per_step + num_rows * context * subject.kv_bytes
    return {
        "kind": kind,
        "rows": num_rows,
        "context": context,
        "ms_p50": round(ms, 3),
        "ms_p95": round(quantile(times, 0.95), 3),
        "tokens_s": round(1e3 * num_rows / ms, 1),
        "gb_s": round(num_bytes / ms / 1e6, 1),
        "share_of_copy": round(num_bytes / ms / 1e6 / copy_gb_s, 3),
    }


def _prefill_row(subject: Subject, kind: str, length: int, chunk: int) -> dict[str, Any]:
    with subject.cache(1, _capacity(length, subject)) as kv:
        model = stepper(subject, kind)

        def run() -> None:
            for start in range(0, length, chunk):
                size = min(chunk, length - start)
                is_last = start + size == length
                _choose(model, kv, Row(0, start, _ids(size), int(is_last)))

        ms = best_ms(subject.device, run, tries=2)
    return {"kind": kind, "tokens": length, "chunk": chunk, "ttft_ms": round(ms, 2)}


def _choose(model: CausalModel, kv: KVTensors, row: Row) -> list[int]:
    """A step with its read-back, as the engine has it; none where no logits are wanted."""
    logits = model.forward([row], kv)
    ids: list[int] = logits.argmax(-1).tolist() if row.num_logits else []
    return ids


def _ids(count: int) -> tuple[int, ...]:
    return tuple(100 + i % 1000 for i in range(count))


def _capacity(context: int, subject: Subject) -> int:
    """Room for a context and some more, as few bytes as will do."""
    return min(subject.context_length, -(-(context + 64) // 256) * 256)
