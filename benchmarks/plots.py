"""Plots beside the tables. Needs matplotlib (extra `bench`); without it there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measurements import EngineRun, percentile

_NUM_POINTS = 200


def write_plot(runs: Mapping[str, EngineRun], title: str, stem: Path) -> Path | None:
    """Write how answer times and new tokens are distributed to STEM.svg.

    None without matplotlib.
    """
    if find_spec("matplotlib") is None:
        return None
    figure, (times, tokens) = _figure(title, 2)
    for name, run in runs.items():
        measured = list(run.measured.values())
        _add_distribution(times, name, [m.answer_ms for m in measured])
        _add_distribution(tokens, name, [m.new_tokens for m in measured if m.asked_model])
    times.set(xlabel="full answer, ms", ylabel="share of keystrokes", xscale="log")
    tokens.set(xlabel="new prompt tokens", xscale="symlog")
    times.legend(loc="lower right", fontsize="small")
    return _save(figure, stem)


def write_load_plot(points: Sequence[Mapping[str, Any]], title: str, stem: Path) -> Path | None:
    """Write answer times and answered keys by number of typists to STEM.svg.

    points: see load_report.figures. None without matplotlib.
    """
    if find_spec("matplotlib") is None:
        return None
    figure, (times, shares) = _figure(title, 2)
    for name in dict.fromkeys(point["engine"] for point in points):
        of_engine = [p for p in points if p["engine"] == name and p["answered"]]
        typists = [point["typists"] for point in of_engine]
        (line,) = times.plot(typists, [p["answer_ms"]["p50"] for p in of_engine], label=name)
        p95 = [point["answer_ms"]["p95"] for point in of_engine]
        times.plot(typists, p95, linestyle="dashed", color=line.get_color())
        shares.plot(typists, [p["answered"] / p["keys"] for p in of_engine], label=name)
    times.set(xlabel="typists", ylabel="full answer, ms (p50, p95 dashed)", yscale="log")
    shares.set(xlabel="typists", ylabel="share of keys answered", ylim=(0, 1.05))
    times.legend(fontsize="small")
    return _save(figure, stem)


def distribution(values: Sequence[float]) -> list[tuple[float, float]]:
    """Points (value, share of values up to it) of at least one value, few enough to draw."""
    ordered = sorted(values)
    shares = [number / _NUM_POINTS for number in range(_NUM_POINTS + 1)]
    return [(percentile(ordered, share), share) for share in shares]


def _figure(title: str, num_panels: int) -> tuple[Any, Any]:
    # Not pyplot: it keeps figures, and looks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * num_panels, 4), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, num_panels)
    for panel in panels:
        panel.grid(alpha=0.3)
    return figure, panels


def _add_distribution(panel: Any, name: str, values: Sequence[float]) -> None:
    if values:
        xs, ys = zip(*distribution(values), strict=True)
        panel.plot(xs, ys, label=name)


def _save(figure: Any, stem: Path) -> Path:
    from matplotlib import rc_context

    file = stem.with_name(f"{stem.name}.svg")
    file.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": file.name}):
        figure.savefig(file, metadata={"Date": None})
    return file
