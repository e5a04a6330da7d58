"""Whether what is fast on a GPU computes the same as what is plain.

Half precision rounds differently in every kernel, so logits are compared by the size of their
difference relative to the logits themselves, ‖a − b‖ / ‖b‖, and tokens only between runs of one
path. A wrong mask, position or slot makes a difference near 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_subject import Subject, make_subject, on_cpu, stepper, transformers_model
from model_runtime.kv_cache.tensors import KVTensors
from model_runtime.step import CausalModel, Row

TOLERANCE = {torch.bfloat16: 0.04, torch.float16: 0.01, torch.float32: 1e-4}
_CAPACITY = 1024
Step = tuple[Row, ...]


def checks(subject: Subject, kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Rows: what was compared, how far apart it was, whether that is within tolerance."""
    plain = _run(subject.model, subject, scenario(subject))
    for kind in kinds:
        if kind != "plain":
            yield from _compare(subject, kind, plain)
    yield from _against_transformers(subject)
    for kind in kinds:
        yield _reuse(subject, kind)
    yield from _against_cpu(subject, kinds)


def scenario(subject: Subject) -> list[tuple[str, Step]]:
    """Steps of every sort, in an order that has each build on what came before."""
    generator = torch.Generator().manual_seed(1)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(
            torch.randint(3, subject.config.vocab_size, (count,), generator=generator).tolist()
        )

    return [
        ("prefill", (Row(0, 0, ids(300), 4),)),
        ("prefill, second chunk", (Row(0, 300, ids(290), 4),)),
        ("decode", (Row(0, 590, ids(1)),)),
        ("draft", (Row(0, 591, ids(5), 5),)),
        ("overwritten draft", (Row(0, 593, ids(4), 4),)),
        ("another slot", (Row(2, 0, ids(37)),)),
        ("several rows", (Row(0, 597, ids(1)), Row(2, 37, ids(3), 3), Row(1, 0, ids(20)))),
        ("many decode", tuple(Row(s, p, ids(1)) for s, p in ((0, 598), (1, 20), (2, 40)))),
        ("keystroke", (Row(0, 560, ids(3)),)),
    ]


def _compare(subject: Subject, kind: str, plain: dict[str, Tensor]) -> Iterator[dict[str, Any]]:
    model = stepper(subject, kind)
    for again in ("", ", replayed"):
        for name, logits in _run(model, subject, scenario(subject)).items():
            yield _judge(f"{kind} = plain: {name}{again}", logits, plain[name])
    yield {
        "what": f"{kind}: steps replayed, plain",
        "value": f"{getattr(model, 'num_replayed', 0)}, {getattr(model, 'num_plain', 0)}",
        "ok": subject.device.type != "cuda" or getattr(model, "num_plain", 1) == 0,
    }


def _run(
    model: CausalModel, subject: Subject, steps: Sequence[tuple[str, Step]]
) -> dict[str, Tensor]:
    with subject.cache(4, _CAPACITY) as kv:
        return {name: model.forward(list(rows), kv).float().clone() for name, rows in steps}


def _against_transformers(subject: Subject) -> Iterator[dict[str, Any]]:
    try:
        theirs = transformers_model(subject)
        ids = torch.arange(5, 305, device=subject.device)
        with torch.inference_mode():
            expected = theirs(ids[None]).logits[0].float()
    except Exception as error:  # noqa: BLE001 -- the reason belongs to the results
        yield {"what": "plain = transformers", "value": repr(error)[:300], "ok": False}
        return
    with subject.cache(1, _CAPACITY) as kv:
        ours = subject.model.forward([Row(0, 0, ids.tolist(), len(ids))], kv).float()
    yield _judge("plain = transformers: 300 tokens", ours, expected)


def _reuse(subject: Subject, kind: str) -> dict[str, Any]:
    """Greedy tokens behind a prompt computed at once, and behind the same prompt of which most was
    left by another one.
    """
    prompt = tuple(100 + i * 7 % 900 for i in range(400))
    model = stepper(subject, kind)
    with subject.cache(2, _CAPACITY) as kv:
        fresh = _greedy(model, kv, prompt, 0)
        _greedy(model, kv, (*prompt[:390], *range(50, 90)), 0)
        reused = _greedy(model, kv, prompt, 390)
    same = next((i for i, (a, b) in enumerate(zip(fresh, reused, strict=True)) if a != b), 24)
    # In half precision a prompt computed in other pieces may turn a near tie.
    ok = same == 24 or subject.model.dtype != torch.float32
    return {"what": f"{kind}: reuse = no reuse", "value": f"{same} of 24 tokens equal", "ok": ok}


def _greedy(model: CausalModel, kv: KVTensors, prompt: tuple[int, ...], start: int) -> list[int]:
    chosen = [int(model.forward([Row(0, start, prompt[start:])], kv).argmax(-1))]
    for position in range(len(prompt), len(prompt) + 23):
        chosen.append(int(model.forward([Row(0, position, chosen[-1:])], kv).argmax(-1)))
    return chosen


def _against_cpu(subject: Subject, kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """A small shape against float32 on the CPU."""
    small = make_subject(
        "tiny" if subject.name == "tiny" else "small", subject.device, subject.model.dtype
    )
    reference = on_cpu(small)
    expected = _run(reference.model, reference, scenario(reference))
    for kind in kinds:
        results = _run(stepper(small, kind), small, scenario(small))
        for name, logits in results.items():
            yield _judge(
                f"{kind}, {small.name} = float32 on the CPU: {name}", logits, expected[name], small
            )


def _judge(
    what: str, ours: Tensor, expected: Tensor, subject: Subject | None = None
) -> dict[str, Any]:
    expected = expected.to(ours.device)
    apart = float((ours - expected).norm() / expected.norm())
    same = float((ours.argmax(-1) == expected.argmax(-1)).float().mean())
    dtype = subject.model.dtype if subject else None
    tolerance = TOLERANCE[dtype] if dtype else _tolerance(ours)
    return {
        "what": what,
        "value": f"{apart:.2g} apart, {same:.0%} of best tokens equal",
        "ok": apart <= tolerance,
    }


def _tolerance(logits: Tensor) -> float:
    return TOLERANCE[torch.bfloat16 if logits.device.type == "cuda" else torch.float32]
