"""What a keystroke costs: replay how a person typed a file, and ask for ghost text at every key.

    python benchmarks/keystrokes.py --trace ../shared/data/traces/sveltecomponent.json.gz

`fimbria` is the real language server and the real daemon; `generate` is `transformers.generate`
from scratch on the same prompts and weights. One request per typed character, up to 24 tokens,
greedy, float32 on the CPU, the same number of threads.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.comparison import ENGINES, Plan, compare
from benchmarks.editor import ServerEnded
from benchmarks.report import markdown, write_results
from benchmarks.traces import read_trace
from model_runtime.api import RuntimeFailure

RESULTS = Path(__file__).parent / "results"


def main(  # noqa: PLR0913, PLR0917 - one parameter per option
    trace: Annotated[Path, typer.Option(help="An editing trace, .json or .json.gz.")],
    keystrokes: Annotated[int, typer.Option(min=1, help="How many to measure.")] = 300,
    engines: Annotated[str, typer.Option(help="Which ones, with commas.")] = ",".join(ENGINES),
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the result here, too.")
    ] = None,
    skip: Annotated[int, typer.Option(min=0, help="Type so many keys first, unasked.")] = 0,
    generate_every: Annotated[
        int, typer.Option(min=1, help="Ask generate at every Nth key only: it is slow.")
    ] = 5,
    model: Annotated[str, typer.Option(help="starter, or a model folder.")] = "starter",
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
) -> None:
    """Measure what a keystroke costs, beside transformers.generate from scratch."""
    try:
        plan = Plan(read_trace(trace), _chosen(engines), keystrokes, skip, generate_every, model)
        result = compare(plan, Console(stderr=True))
    except (OSError, ValueError, RuntimeFailure, ServerEnded) as error:
        sys.stderr.write(f"keystrokes: {error}\n")
        raise typer.Exit(1) from None
    write_results(result, results, json_file)
    sys.stdout.write(markdown(result))


def _chosen(engines: str) -> tuple[str, ...]:
    chosen = tuple(name.strip() for name in engines.split(",") if name.strip())
    unknown = [name for name in chosen if name not in ENGINES]
    if unknown or not chosen:
        raise ValueError(f"--engines takes some of {', '.join(ENGINES)}; got {engines!r}")
    return chosen


if __name__ == "__main__":
    typer.run(main)
