"""Decode speed as a share of what memory allows: every token reads all weights and the KV cache.

    python benchmarks/decode.py --models starter,random:25m,random:125m
    python benchmarks/decode.py --device cuda --models shape:7b --contexts 64,1024,4096

On the CPU: our steps in C and on torch, transformers and llama.cpp on the same weights, in float32
and eight bits. On a GPU: our own model in bfloat16, with random weights of a given shape.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from benchmarks.bandwidth import ReadSpeed, bytes_read
from benchmarks.decode_engines import ENGINES, NotHere, Subject, stored_format
from benchmarks.decode_report import markdown, write_plot
from benchmarks.decode_subjects import open_subject
from benchmarks.machine import machine
from benchmarks.peers import Peer
from benchmarks.report import write_pair
from model_runtime.api import RuntimeFailure
from model_runtime.devices import choose_device

RESULTS = Path(__file__).parent / "results"
_FIRST_ID, _SEED = 300, 5


@dataclass(frozen=True, slots=True)
class Plan:
    """contexts: tokens in the cache when measuring begins; 0 is as many as fit."""

    models: tuple[str, ...]
    engines: tuple[str, ...]
    contexts: tuple[int, ...]
    num_tokens: int
    rounds: int
    num_threads: int
    device: torch.device


@dataclass(frozen=True, slots=True)
class Point:
    """One engine at one context. num_bytes: what a step must read; read_ms: what only reading as
    much takes on this machine, measured beside the engine.
    """

    model: str
    engine: str
    context: int
    ms_per_token: float
    num_bytes: int
    read_ms: float

    @property
    def share(self) -> float:
        """Of the measured memory bandwidth."""
        return self.read_ms / self.ms_per_token


def main(  # noqa: PLR0913, PLR0917 - one parameter per option
    models: Annotated[
        str, typer.Option(help="starter, a folder, random:25m, random:125m, shape:7b, shape:tiny.")
    ] = "starter,random:25m,random:125m",
    engines: Annotated[str, typer.Option(help="Which ones, with commas.")] = ",".join(ENGINES),
    contexts: Annotated[str, typer.Option(help="Tokens in the cache; 0: as many as fit.")] = (
        "64,1024,0"
    ),
    tokens: Annotated[int, typer.Option(min=2, help="Tokens per measurement.")] = 33,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each, in turns.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads on the CPU.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or a device of torch.")] = "cpu",
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
) -> None:
    """Measure decode speed against memory bandwidth."""
    try:
        plan = Plan(
            _names(models),
            _known_engines(engines),
            _numbers(contexts),
            tokens,
            rounds,
            threads,
            choose_device(device),
        )
        result = measure(plan, Console(stderr=True))
    except (OSError, ValueError, RuntimeFailure) as error:
        sys.stderr.write(f"decode: {error}\n")
        raise typer.Exit(1) from None
    stem = results / f"{result['machine']['date']}-decode-{plan.device.type}"
    plot = write_plot(result["points"], stem)
    page = markdown(result, plot)
    write_pair(stem, page, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(page)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _known_engines(text: str) -> tuple[str, ...]:
    names = _names(text)
    unknown = [name for name in names if name not in ENGINES]
    if unknown or not names:
        raise ValueError(f"--engines takes some of {', '.join(ENGINES)}; got {text!r}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(name) for name in _names(text))
    if not numbers or min(numbers) < 0:
        raise ValueError(f"--contexts takes numbers of tokens; got {text!r}")
    return numbers


def measure(plan: Plan, console: Console) -> dict[str, Any]:
    """Measure everything that is planned: settings, machine, points and notes, as JSON has it."""
    torch.set_num_threads(plan.num_threads)
    described = machine()
    points: list[Point] = []
    notes: list[str] = []
    for name in plan.models:
        subject = open_subject(name, plan.device, plan.num_threads)
        with ExitStack() as stack:
            peers = _open(subject, plan.engines, stack, notes)
            points += _measure_model(plan, subject, peers, console)
    return {
        "machine": described,
        "config": asdict(plan) | {"device": _device_name(plan.device)},
        "points": [asdict(point) | {"share": point.share} for point in points],
        "notes": notes,
    }


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def _open(
    subject: Subject, engines: Sequence[str], stack: ExitStack, notes: list[str]
) -> dict[str, Peer]:
    peers: dict[str, Peer] = {}
    for name in engines:
        try:
            peers[name] = stack.enter_context(ENGINES[name](subject))
        except (NotHere, ValueError) as error:
            notes.append(f"{subject.name}, {name}: not measured, {error}.")
    return peers


def _measure_model(
    plan: Plan, subject: Subject, peers: Mapping[str, Peer], console: Console
) -> Iterator[Point]:
    for context in _fitting(plan, subject):
        console.print(f"{subject.name}, context {context}")
        yield from _measure_context(plan, subject, peers, context)


def _fitting(plan: Plan, subject: Subject) -> list[int]:
    most = subject.context_length - plan.num_tokens
    return sorted(
        {most if context == 0 else context for context in plan.contexts if context <= most}
    )


def _measure_context(
    plan: Plan, subject: Subject, peers: Mapping[str, Peer], context: int
) -> Iterator[Point]:
    """Engines take turns, each beside a reading of as many bytes, so that what else the machine
    does falls on all alike.
    """
    vocab_size = subject.model.config.vocab_size
    generator = torch.Generator().manual_seed(_SEED)
    low = min(_FIRST_ID, vocab_size - 1)
    prompt = torch.randint(low, vocab_size, (context,), generator=generator).tolist()
    middle = context + plan.num_tokens // 2
    sizes = {
        name: bytes_read(
            subject.model.weights,
            subject.model.kv_shape,
            middle,
            stored_format(name, subject.model.dtype),
        )
        for name in peers
    }
    speed = ReadSpeed(plan.device)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
    for peer in peers.values():
        peer.answer(prompt, 2)
    for _ in range(plan.rounds):
        for name, peer in peers.items():
            reading = speed.read_ms(sizes[name])
            times[name].append((_ms_per_token(peer, prompt, plan.num_tokens), reading))
    for name, pairs in times.items():
        decoding, reading = (statistics.median(column) for column in zip(*pairs, strict=True))
        yield Point(subject.name, name, context, decoding, sizes[name], reading)


def _ms_per_token(peer: Peer, prompt: Sequence[int], num_tokens: int) -> float:
    measured = peer.answer(prompt, num_tokens)
    return (measured.answer_ms - measured.ttft_ms) / (num_tokens - 1)


if __name__ == "__main__":
    typer.run(main)
