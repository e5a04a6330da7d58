"""Several people typing on one machine: answer times, throughput and aborted requests.

    python benchmarks/load.py --trace json-crdt-blog-post.json.gz --typists 1,2,4,8,16,32

Everybody types another part of the trace in its own rhythm and asks at each typed character for up
to 24 tokens, without stop strings, greedily, float32 on the CPU. `fimbria` is the real daemon over
its socket; `continuous-batching` is transformers' ContinuousBatchingManager on the same prompts;
`generate-cached` asks transformers' generate, with a cropped cache, for one after the other.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.load_report import figures, load_markdown, load_stem
from benchmarks.load_servers import SERVERS, PeerFailed, open_server
from benchmarks.machine import machine
from benchmarks.plots import write_load_plot
from benchmarks.questions import MAX_TOKENS, Asker, open_asker
from benchmarks.report import write_pair
from benchmarks.shapes import model_folder
from benchmarks.traces import Step, read_trace, replay
from benchmarks.typists import Pace, type_together
from model_runtime.api import RuntimeFailure
from model_runtime.config import read_config

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is measured: each engine with each number of typists."""

    steps: Sequence[Step]
    engines: tuple[str, ...]
    typists: tuple[int, ...]
    pace: Pace
    folder: Path
    asker: Asker
    num_threads: int


def main(  # noqa: PLR0913, PLR0917 - one parameter per option
    trace: Annotated[Path, typer.Option(help="An editing trace, .json or .json.gz.")],
    typists: Annotated[str, typer.Option(help="How many at once, with commas.")] = "1,2,4,8,16,32",
    engines: Annotated[str, typer.Option(help=f"Some of {', '.join(SERVERS)}.")] = (
        ",".join(SERVERS)
    ),
    seconds: Annotated[float, typer.Option(min=1, help="How long each measurement lasts.")] = 30,
    speed: Annotated[float, typer.Option(min=0.1, help="How much faster than recorded.")] = 1,
    patient: Annotated[
        bool, typer.Option("--patient", help="Nobody types on before the answer is there.")
    ] = False,
    model: Annotated[
        str, typer.Option(help="starter, a model folder, random:25m or random:125m.")
    ] = "starter",
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
) -> None:
    """Measure how answer times and throughput change with the number of people typing."""
    from model_runtime.devices import choose_num_threads

    try:
        read = read_trace(trace)
        folder = model_folder(model)
        num_threads = choose_num_threads(read_config(folder))
        plan = LoadPlan(
            steps=tuple(replay(read)),
            engines=tuple(chosen(engines)),
            typists=tuple(numbers(typists)),
            pace=Pace(seconds, speed, patient=patient),
            folder=folder,
            asker=open_asker(folder),
            num_threads=num_threads,
        )
        where = machine()
        points, failures = asyncio.run(measure(plan))
    except (OSError, ValueError, RuntimeFailure) as error:
        sys.stderr.write(f"load: {error}\n")
        raise typer.Exit(1) from None
    config = {
        "trace": read.name,
        "seconds": seconds,
        "speed": speed,
        "patient": patient,
        "longest_pause_s": plan.pace.longest_pause_s,
        "max_tokens": MAX_TOKENS,
        "model": model,
        "dtype": "float32",
        "device": "cpu",
        "threads": num_threads,
        **where,
    }
    _write({"config": config, "points": points, "failures": failures}, results)


async def measure(plan: LoadPlan) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Figures of each point; and why an engine has none, or no more. Raises RuntimeFailure."""
    points: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    for engine in plan.engines:
        try:
            async with open_server(
                engine, plan.folder, plan.asker, plan.num_threads, max(plan.typists)
            ) as server:
                for num_typists in plan.typists:
                    outcomes = await type_together(server, plan.steps, num_typists, plan.pace)
                    seconds = plan.pace.duration_s
                    points.append(figures(engine, num_typists, outcomes, seconds))
                    sys.stderr.write(f"{engine}, {num_typists}: {outcomes.num_keys} keys\n")
        except PeerFailed as failure:
            failures[engine] = str(failure)
    return points, failures


def chosen(names: str) -> list[str]:
    """Split at commas. Raises ValueError for unknown names."""
    engines = [name.strip() for name in names.split(",") if name.strip()]
    if not engines or not set(engines) <= set(SERVERS):
        raise ValueError(f"--engines takes some of {', '.join(SERVERS)}; got {names!r}")
    return engines


def numbers(text: str) -> list[int]:
    """Read numbers of typists. Raises ValueError."""
    found = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    if not found or len(found) != text.count(",") + 1 or min(found) < 1:
        raise ValueError(f"--typists takes numbers with commas; got {text!r}")
    return found


def _write(result: dict[str, Any], results: Path) -> None:
    stem = results / load_stem(result["config"])
    plot = write_load_plot(result["points"], f"Typists of {result['config']['model']}", stem)
    page = load_markdown(result, plot)
    write_pair(stem, page, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(page)


if __name__ == "__main__":
    typer.run(main)
