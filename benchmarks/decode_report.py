"""Decode speed as a Markdown table and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.report import count, table

Json = Mapping[str, Any]

_NOTES = """
- ms per token: from the first token to the last, greedy, no drafts; the median of several rounds in
  which the engines take turns.
- MB per token: all weight matrices and norms once, and the keys and values of the tokens in the
  cache, as the engine stores them (llama.cpp: keys and values in float16).
- Share of bandwidth: the time that summing up a buffer of as many bytes took beside it, with the
  same threads, over the time of the token. What fits a cache of the processor is read from there by
  both.
- `fimbria torch`: the same model without compiled steps. `transformers`: its model class with a
  DynamicCache in a plain loop.
"""


def markdown(result: Json, plot: Path | None) -> str:
    """Return the table with the machine and what the columns mean."""
    described = result["machine"]
    head = "engine | context | tokens/s | ms per token | MB per token | GB/s | share of bandwidth"
    lines = [f"# Decode speed, {described['date']}", "", *_setting(result)]
    for model in dict.fromkeys(point["model"] for point in result["points"]):
        rows = (_row(point) for point in result["points"] if point["model"] == model)
        lines += ["", f"## {model}", "", *table(head, rows)]
    if plot is not None:
        lines += ["", f"![Share of memory bandwidth]({plot.name})"]
    return "\n".join([*lines, _NOTES, *(f"- {note}" for note in result["notes"])]).rstrip() + "\n"


def _setting(result: Json) -> list[str]:
    described, config = result["machine"], result["config"]
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    return [
        f"{config['device']}, {count(config['num_threads'], 'thread')}; "
        f"{config['num_tokens']} tokens, {count(config['rounds'], 'round')}.",
        f"{described['cpu']}, {count(described['cores'], 'core')}, {described['memory_gib']} GiB, "
        f"{described['system']}; load average before: {described['load_before']}.",
        f"{versions}.",
    ]


def _row(point: Json) -> list[str]:
    ms = point["ms_per_token"]
    return [
        point["engine"],
        str(point["context"]),
        f"{1000 / ms:.0f}",
        f"{ms:.2f}",
        f"{point['num_bytes'] / 1e6:.1f}",
        f"{point['num_bytes'] / ms / 1e6:.1f}",
        f"{point['share']:.0%}",
    ]


def write_plot(points: Sequence[Json], stem: Path) -> Path | None:
    """Write the shares of bandwidth by context, a panel per model, to STEM.svg. None without
    matplotlib or points.
    """
    if find_spec("matplotlib") is None or not points:
        return None
    # Not pyplot: it keeps figures, and looks for a screen.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    models = list(dict.fromkeys(point["model"] for point in points))
    figure = Figure(figsize=(4.5 * len(models), 4), layout="constrained")
    for panel, model in zip(figure.subplots(1, len(models), squeeze=False)[0], models, strict=True):
        _add_model(panel, model, [point for point in points if point["model"] == model])
    file = stem.with_name(f"{stem.name}.svg")
    file.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": file.name}):
        figure.savefig(file, metadata={"Date": None})
    return file


def _add_model(panel: Any, model: str, points: Sequence[Json]) -> None:
    for name in dict.fromkeys(point["engine"] for point in points):
        of_engine = [point for point in points if point["engine"] == name]
        contexts = [point["context"] for point in of_engine]
        panel.plot(contexts, [point["share"] for point in of_engine], marker="o", label=name)
    panel.set(title=model, xlabel="tokens in the cache", ylabel="share of memory bandwidth")
    panel.set(xscale="log", ylim=(0, None))
    panel.grid(alpha=0.3)
    panel.legend(fontsize="small")
