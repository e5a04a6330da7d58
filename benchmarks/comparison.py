"""The same keystrokes on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.machine import machine
from benchmarks.measurements import Measurement, summary
from benchmarks.resident import resident_engine
from benchmarks.traces import Step, Trace, replay
from lsp_server.context.windows import cursor_context
from lsp_server.postprocess import stop_strings
from model_runtime.api import CompletionRequest
from model_runtime.config import read_config
from model_runtime.models import resolve_model
from model_runtime.prompts import PromptRenderer, open_renderer

FIMBRIA, GENERATE = ENGINES = ("fimbria", "generate")
MAX_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    skip: keystrokes before the first measured one. generate_every: every how many keystrokes
    `generate` is asked.
    """

    trace: Trace
    engines: tuple[str, ...]
    num_keystrokes: int
    skip: int
    generate_every: int
    model: str


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt as the model sees it, and how many tokens were generated for it."""

    prompt_ids: list[int]
    num_tokens: int


def compare(plan: Plan, console: Console) -> dict[str, Any]:
    """Measure and sum up. Raises ValueError, RuntimeFailure, ServerEnded."""
    from model_runtime.loading import choose_num_threads

    folder = resolve_model(plan.model)
    config = read_config(folder)
    renderer = open_renderer(folder, config)
    num_threads = choose_num_threads(config)
    where = machine()
    measured: dict[str, list[Measurement]] = {}
    with Progress(console=console, transient=True) as progress:
        if FIMBRIA in plan.engines:
            measured[FIMBRIA], questions = _measure_resident(plan, renderer, num_threads, progress)
        else:
            questions = _questions(plan, renderer)
        if GENERATE in plan.engines:
            asked = questions[:: plan.generate_every]
            measured[GENERATE] = _measure_scratch(folder, asked, num_threads, progress)
    return {
        "config": {
            "trace": plan.trace.name,
            "skip": plan.skip,
            "keystrokes": len(questions),
            "generate_every": plan.generate_every,
            "max_tokens": MAX_TOKENS,
            "model": plan.model if plan.model == "starter" else folder.name,
            "dtype": "float32",
            "device": "cpu",
            "threads": num_threads,
            **where,
        },
        "engines": {name: summary(values) for name, values in measured.items()},
    }


def _measure_resident(
    plan: Plan, renderer: PromptRenderer, num_threads: int, progress: Progress
) -> tuple[list[Measurement], list[Question]]:
    task = progress.add_task(FIMBRIA, total=plan.num_keystrokes)
    measurements, questions = [], []
    with resident_engine(plan.model, MAX_TOKENS, num_threads) as engine:
        engine.editor.open(Path("/trace") / plan.trace.name, plan.trace.start)
        for step, cursor in _keys(plan):
            if cursor is None:
                engine.editor.change(step)
                continue
            measurement = engine.measure(step, cursor)
            prompt_ids = _prompt_ids(renderer, step, cursor)
            if measurement.prompt_tokens not in (0, len(prompt_ids)):
                raise ValueError(
                    f"the server's prompt has {measurement.prompt_tokens} tokens, "
                    f"{len(prompt_ids)} were expected: the engines would not be comparable"
                )
            measurements.append(measurement)
            questions.append(Question(prompt_ids, measurement.completion_tokens or MAX_TOKENS))
            progress.advance(task)
    return measurements, questions


def _measure_scratch(
    folder: Path, questions: list[Question], num_threads: int, progress: Progress
) -> list[Measurement]:
    from benchmarks.scratch import ScratchEngine

    task = progress.add_task(GENERATE, total=len(questions))
    engine = ScratchEngine(folder, num_threads)
    engine.measure(questions[0].prompt_ids, MAX_TOKENS)  # warm-up
    measurements = []
    for question in questions:
        measurements.append(engine.measure(question.prompt_ids, question.num_tokens))
        progress.advance(task)
    return measurements


def _questions(plan: Plan, renderer: PromptRenderer) -> list[Question]:
    return [
        Question(_prompt_ids(renderer, step, cursor), MAX_TOKENS)
        for step, cursor in _keys(plan)
        if cursor is not None
    ]


def _keys(plan: Plan) -> Iterator[tuple[Step, int | None]]:
    """The trace's steps up to the last measured key, each with the cursor where it is measured."""
    num_typed = 0
    for step in replay(plan.trace):
        num_typed += step.cursor is not None
        yield step, step.cursor if num_typed > plan.skip else None
        if num_typed == plan.skip + plan.num_keystrokes:
            return
    if num_typed <= plan.skip:
        raise ValueError(f"{plan.trace.name} has {num_typed} typed characters; none is left")


def _prompt_ids(renderer: PromptRenderer, step: Step, cursor: int) -> list[int]:
    """Render what the language server asks at this place."""
    context = cursor_context(step.after, cursor)
    request = CompletionRequest(
        prompt=context.prefix,
        suffix=context.suffix if renderer.fim else None,
        max_tokens=MAX_TOKENS,
        stop=stop_strings(context),
    )
    return renderer.render(request).ids
