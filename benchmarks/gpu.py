"""The runtime on a GPU: does it compute the same, how fast is it, and what is in the way.

    PYTHONPATH=. python -m benchmarks.gpu --shapes 7b --out results/gpu.json
    PYTHONPATH=. python -m benchmarks.gpu --device cpu --shapes tiny     # a dry run

Needs torch, transformers, numpy, psutil and sentencepiece, and nothing installed of this project.
Every row is written to the file as soon as it is there; a part that fails or takes too long says
so, and the next one begins. A later run with the same --out adds to it. See GPU.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_checks, gpu_profile, gpu_quantized, gpu_steps
from benchmarks.gpu_report import markdown, write_plot
from benchmarks.gpu_subject import SHAPES, Subject, free, make_subject

PARTS = (
    "checks",
    "decode",
    "keystrokes",
    "prefill",
    "engine",
    "profile",
    "captures",
    "batches",
    "quantized",
    "peers",
)
_COMPILED_SHAPES = 64


class OutOfTime(BaseException):
    """A part has used up its budget. No Exception, so that nothing on the way takes it for one."""


class Results:
    """What was measured, in a file that is complete after every row."""

    def __init__(self, file: Path, machine: dict[str, Any]) -> None:
        self._file = file
        kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        self.content: dict[str, Any] = {"machine": machine, "parts": kept.get("parts", {})}

    def begin(self, key: str) -> dict[str, Any]:
        """A part's place; what an earlier run said is forgotten."""
        part: dict[str, Any] = {"state": "cut off", "seconds": 0, "rows": []}
        self.content["parts"][key] = part
        return part

    def write(self) -> None:
        """Write the JSON file and the tables beside it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(".tmp")
        unfinished.write_text(json.dumps(self.content, indent=1), encoding="utf-8")
        unfinished.replace(self._file)
        self._file.with_suffix(".md").write_text(markdown(self.content), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 1 if a check or a part failed."""
    options = parse(arguments)
    torch._dynamo.config.recompile_limit = _COMPILED_SHAPES
    if options.device == "cpu":
        torch.set_num_threads(1)
    return int(has_failed(measure(options)))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the parts that were asked for; returns what the file holds afterwards."""
    device = torch.device(options.device)
    machine, copy_gb_s = _machine(device, options.bandwidth_gib)
    results = Results(options.out, machine)
    _say(json.dumps(machine))
    results.write()
    deadline = time.monotonic() + options.total_s
    for shape in options.shapes:
        began = time.perf_counter()
        subject = make_subject(shape, device, _dtype(device))
        _say(f"{shape}: weights made in {time.perf_counter() - began:.1f} s")
        for name, rows in _plan(subject, options, copy_gb_s):
            left = deadline - time.monotonic()
            if left > 0:
                _run(results, f"{shape} {name}", rows, min(options.budget_s, left))
        del subject
        free(device)
    if write_plot(results.content, options.out) is None:
        _say("no plot: matplotlib or figures to draw are missing")
    _say(markdown(results.content))
    return results.content


def _plan(
    subject: Subject, options: argparse.Namespace, copy_gb_s: float
) -> Iterator[tuple[str, Callable[[], Iterable[dict[str, Any]]]]]:
    kinds, tries = options.kinds, options.tries
    fast = tuple(kind for kind in kinds if kind != "plain") or kinds
    steps = 8 * tries
    plan: dict[str, Callable[[], Iterable[dict[str, Any]]]] = {
        "checks": lambda: gpu_checks.checks(subject, kinds),
        "decode": lambda: gpu_steps.decode(subject, kinds, copy_gb_s, steps),
        "keystrokes": lambda: gpu_steps.keystrokes(subject, kinds, 2 * tries),
        "prefill": lambda: gpu_steps.prefill(subject, kinds[:2]),
        "engine": lambda: _engine(subject, kinds[:2], 4 * tries, options.kv_share),
        "profile": lambda: gpu_profile.profile(subject, kinds),
        "captures": lambda: gpu_steps.captures(subject),
        "batches": lambda: gpu_steps.batches(subject, fast[:1], copy_gb_s, steps),
        "quantized": lambda: gpu_quantized.quantized(subject, copy_gb_s),
        "peers": lambda: _peers(subject, tries),
    }
    return ((name, plan[name]) for name in options.parts)


def _engine(
    subject: Subject, kinds: tuple[str, ...], keys: int, kv_share: float
) -> Iterator[dict[str, Any]]:
    # Imported here: it needs sentencepiece, which nothing else does.
    from benchmarks.gpu_engine import engine_figures

    for kind in reversed(kinds):
        yield from engine_figures(subject, kind, keys, kv_share)


def _peers(subject: Subject, tries: int) -> Iterable[dict[str, Any]]:
    from benchmarks.gpu_peers import peers

    return peers(subject, tries)


def _run(
    results: Results, key: str, rows: Callable[[], Iterable[dict[str, Any]]], budget_s: float
) -> None:
    """One part: its rows go to the file one by one, and so does what ends it."""
    part, began = results.begin(key), time.perf_counter()
    _say(f"== {key}, at most {budget_s:.0f} s")
    try:
        with _time_limit(budget_s):
            for row in rows():
                part["rows"].append(row)
                part["seconds"] = round(time.perf_counter() - began, 1)
                results.write()
                _say("  " + ", ".join(f"{name} {value}" for name, value in row.items()))
        part["state"] = "done"
    except OutOfTime:
        part["state"] = f"cut off after {budget_s:.0f} s"
    except Exception as error:  # noqa: BLE001 -- one part's failure must not cost the others
        part["state"] = f"failed: {type(error).__name__}: {error}"[:500]
        part["traceback"] = traceback.format_exc().splitlines()[-25:]
        _say(traceback.format_exc())
    part["seconds"] = round(time.perf_counter() - began, 1)
    results.write()
    _say(f"== {key}: {part['state']}, {part['seconds']} s")


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise OutOfTime

    previous = signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, max(0.1, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        signal.setitimer(signal.ITIMER_REAL, left)


def _machine(device: torch.device, gib: float) -> tuple[dict[str, Any], float]:
    import transformers

    speed = gpu_steps.bandwidth(device, int(gib * 2**30))
    free(device)
    described: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": "cpu",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        **speed,
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        described["device"] = properties.name
        described["memory_gib"] = round(properties.total_memory / 2**30, 1)
        described["cuda"] = torch.version.cuda
    return described, speed["copy_gb_s"]


def _dtype(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def has_failed(content: dict[str, Any]) -> bool:
    """Whether a part failed, or something was not as it should be."""
    parts = content["parts"].values()
    return any(p["state"].startswith("failed") for p in parts) or any(
        row.get("ok") is False for p in parts for row in p["rows"]
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""

    def words(text: str) -> tuple[str, ...]:
        return tuple(text.split(","))

    has_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__)
    add = parser.add_argument
    add("--device", default="cuda" if has_gpu else "cpu")
    add("--shapes", type=words, default=("7b",), help=", ".join(SHAPES))
    add("--parts", type=words, default=PARTS, help=",".join(PARTS))
    add(
        "--kinds",
        type=words,
        default=("plain", "graphs"),
        help="plain,graphs,graphs-whole,compiled",
    )
    add("--budget-s", type=float, default=120.0, help="most seconds for a part")
    add("--total-s", type=float, default=540.0, help="no part begins after so many seconds")
    add("--tries", type=int, default=5, help="how often things are measured")
    add("--kv-share", type=float, default=0.6, help="of what is free, for the engine's cache")
    add("--bandwidth-gib", type=float, default=4.0 if has_gpu else 0.0625)
    add("--out", type=Path, default=Path("benchmarks/results/gpu.json"))
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
