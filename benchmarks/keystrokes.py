"""What a keystroke costs: replay how a person typed a file, and ask for ghost text at every key.

    python benchmarks/keystrokes.py --trace sveltecomponent.json.gz --engines fimbria,llama.cpp-spm

Traces: https://github.com/josephg/editing-traces. `fimbria` is the real language server and the
real daemon, or, with --fixed, our engine by itself with answers of equal length. The peers get
the same prompts and weights: `generate` and `generate-cached` (transformers), `llama.cpp-psm`,
`llama.cpp-spm` and `llama.cpp-spm-q8` (extra `bench`). One request per typed character, up to 24
tokens, greedy, float32 on the CPU, the same number of threads. The whole trace takes hours on some
engines: see --keystrokes and --blocks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.blocks import spread, whole
from benchmarks.comparison import ENGINES, FIMBRIA, UNDRAFTED, Plan, compare
from benchmarks.editor import ServerEnded
from benchmarks.peers.registry import GENERATE
from benchmarks.plots import write_plot
from benchmarks.questions import MAX_TOKENS
from benchmarks.report import markdown, stem_of, write_pair
from benchmarks.shapes import model_folder
from benchmarks.traces import read_trace
from model_runtime.api import RuntimeFailure

RESULTS = Path(__file__).parent / "results"


def main(  # noqa: PLR0913, PLR0917 - one parameter per option
    trace: Annotated[Path, typer.Option(help="An editing trace, .json or .json.gz.")],
    engines: Annotated[str, typer.Option(help=f"Some of {', '.join(ENGINES)}.")] = (
        f"{FIMBRIA},{GENERATE}"
    ),
    keystrokes: Annotated[
        int | None, typer.Option(min=1, help="How many to measure; all without it.")
    ] = None,
    skip: Annotated[int, typer.Option(min=0, help="Type so many keys first, unasked.")] = 0,
    blocks: Annotated[
        int | None, typer.Option(min=1, help="Measure so many blocks, spread over the trace.")
    ] = None,
    block: Annotated[int, typer.Option(min=1, help="Keystrokes in a block.")] = 100,
    fixed: Annotated[
        bool, typer.Option("--fixed", help="Our engine alone, all answers equally long.")
    ] = False,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Length of an answer; 1 measures little but reuse.")
    ] = MAX_TOKENS,
    generate_every: Annotated[
        int, typer.Option(min=1, help="Ask generate at every Nth key only: it is slow.")
    ] = 5,
    model: Annotated[
        str, typer.Option(help="starter, a model folder, random:25m or random:125m.")
    ] = "starter",
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the result here, too.")
    ] = None,
) -> None:
    """Measure what a keystroke costs, beside other engines on the same weights."""
    try:
        read = read_trace(trace)
        spans = (
            spread(read.num_typed, skip, blocks, block)
            if blocks
            else whole(read.num_typed, skip, keystrokes)
        )
        chosen = chosen_engines(engines, fixed=fixed)
        folder = model_folder(model)
        plan = Plan(read, tuple(spans), chosen, model, folder, fixed, generate_every, max_tokens)
        comparison = compare(plan, Console(stderr=True))
    except (OSError, ValueError, RuntimeFailure, ServerEnded) as error:
        sys.stderr.write(f"keystrokes: {error}\n")
        raise typer.Exit(1) from None
    result = comparison.as_json()
    stem = results / stem_of(comparison.config)
    plot = write_plot(comparison.runs, f"Keystrokes of {read.name}, {model}", stem)
    page, content = markdown(result, plot), json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    write_pair(stem, page, content)
    if json_file is not None:
        json_file.write_text(content, encoding="utf-8")
    sys.stdout.write(page)


def chosen_engines(names: str, *, fixed: bool) -> tuple[str, ...]:
    """Split at commas. Raises ValueError for names that are not known, or not in this mode."""
    chosen = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    unknown = [name for name in chosen if name not in ENGINES]
    if unknown or not chosen:
        raise ValueError(f"--engines takes some of {', '.join(ENGINES)}; got {names!r}")
    if UNDRAFTED in chosen and not fixed:
        raise ValueError(f"{UNDRAFTED} is measured with --fixed only")
    return chosen


if __name__ == "__main__":
    typer.run(main)
