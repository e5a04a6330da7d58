"""`fimbria complete`: one completion, as an editor would show it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from lsp_server.cli.asking import Answer, Filling, Question, ask
from lsp_server.cli.errors import usage_error
from lsp_server.cli.options import (
    AdapterOption,
    CandidatesOption,
    ContextLengthOption,
    DeviceOption,
    DtypeOption,
    FamilyOption,
    FilenameOption,
    HealOption,
    JsonOption,
    KvMemoryOption,
    LayoutOption,
    Lines,
    LinesOption,
    MaxTokensOption,
    ModelOption,
    SeedOption,
    TargetArgument,
    TemperatureOption,
    TopPOption,
)
from lsp_server.cli.render import show_answer
from lsp_server.cli.session import with_runtime
from lsp_server.cli.target import STANDARD_INPUT, Hole, file_hole, parse_target, stream_hole
from model_runtime.api import Layout, Runtime, SamplingParams


def complete(  # noqa: PLR0913, PLR0917 - one parameter per option
    ctx: typer.Context,
    target: TargetArgument,
    model: ModelOption = "starter",
    lines: LinesOption = Lines.AUTO,
    max_tokens: MaxTokensOption = 64,
    candidates: CandidatesOption = 1,
    temperature: TemperatureOption = 0.0,
    top_p: TopPOption = 1.0,
    seed: SeedOption = None,
    layout: LayoutOption = Layout.AUTO,
    heal: HealOption = True,
    filename: FilenameOption = Path("stdin.py"),
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    kv_memory: KvMemoryOption = "auto",
    adapter: AdapterOption = "",
    context_length: ContextLengthOption = 0,
    family: FamilyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Complete the code at a place in a file, and show what it cost."""
    from model_runtime.client import DaemonSpec

    question = Question(
        hole=_read_hole(target, filename),
        lines=lines,
        max_tokens=max_tokens,
        sampling=SamplingParams(temperature=temperature, top_p=top_p, seed=seed),
        layout=layout,
        heal=heal,
        num_candidates=candidates,
    )

    async def answer(runtime: Runtime) -> Answer:
        return await ask(runtime, question)

    spec = DaemonSpec(
        model=model,
        device=device,
        dtype=dtype,
        kv_memory=kv_memory,
        adapter=adapter,
        context_length=context_length,
        family=family,
    )
    _show(question.hole, with_runtime(ctx.obj, spec, answer), as_json=as_json)


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return what `--json` prints: the text to insert, how sure the model was, and what it cost.

    `num_replaced` is there only when `text` takes the place of characters behind the hole, and
    `candidates` only when there are several; the first one is the answer itself.
    """
    usage, timings = answer.finished.usage, answer.finished.timings
    candidates = [_filling_json(filling) for filling in answer.fillings]
    return {
        **candidates[0],
        **({"candidates": candidates} if len(candidates) > 1 else {}),
        "model": answer.model.id,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "cached_tokens": usage.cached_tokens,
            "computed_tokens": usage.computed_tokens,
            "completion_tokens": usage.completion_tokens,
            "draft_tokens": usage.draft_tokens,
            "accepted_tokens": usage.accepted_tokens,
        },
        "timings_ms": {
            "queue": round(timings.queue_ms, 3),
            "prefill": round(timings.prefill_ms, 3),
            "decode": round(timings.decode_ms, 3),
            "total": round(timings.total_ms, 3),
        },
    }


def _filling_json(filling: Filling) -> dict[str, Any]:
    replaced = {"num_replaced": filling.num_replaced} if filling.num_replaced else {}
    return {
        "text": filling.text,
        **replaced,
        "finish_reason": filling.reason.value,
        "confidence": {
            "mean_logprob": filling.mean_logprob,
            "first_drop": filling.first_drop,
            "editor_shows": filling.shown.value,
        },
    }


def _read_hole(target: str, filename: Path) -> Hole:
    if target != STANDARD_INPUT:
        return file_hole(parse_target(target))
    if sys.stdin is None:
        raise usage_error("standard input is closed.")
    if sys.stdin.isatty():
        sys.stderr.write("Reading standard input; mark the hole with <FILL>, end with Ctrl-D.\n")
    return stream_hole(sys.stdin.buffer, filename)


def _show(hole: Hole, answer: Answer, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer_json(answer), ensure_ascii=False))
        return
    show_answer(Console(), hole, answer)
