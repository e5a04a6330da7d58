"""Tables, goals and a plot of what benchmarks/gpu.py has measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]
Row = Mapping[str, Any]


def markdown(result: Json) -> str:
    """All that was measured so far, the goals first."""
    lines = [f"# GPU, {result['machine'].get('date', '')}", ""]
    lines += [f"- {name}: {value}" for name, value in result["machine"].items()]
    lines += ["", *_table([_goal_row(*goal) for goal in goals(result)])]
    for key, part in result["parts"].items():
        state = part.get("state", "")
        lines += ["", f"## {key}{'' if state == 'done' else f' ({state})'}", ""]
        lines += [f"{part.get('seconds', 0)} s", "", *_table(part["rows"])]
    return "\n".join(lines) + "\n"


def goals(result: Json) -> Iterator[tuple[str, str, float | None, bool | None]]:
    """(goal, wanted, measured, met) on the 7B shape; None where nothing was measured."""
    best = _best_decode(_rows(result, "7b", "decode"))
    yield "decode at 4k, share of copy bandwidth", "≥ 0.8", best, _met(best, at_least=0.8)
    keys = [r for r in _rows(result, "7b", "keystrokes") if r.get("draft") == 0]
    answer = min((r["answer_p50_ms"] for r in keys), default=None)
    yield "warm keystroke, 24 tokens, no drafts, ms", "≤ 60", answer, _met(answer, at_most=60)
    drafted = [r for r in _rows(result, "7b", "keystrokes") if r.get("accepted") == 0.8]
    with_drafts = min((r["answer_p50_ms"] for r in drafted), default=None)
    yield "the same, 80 % of drafts right, ms", "≤ 60", with_drafts, _met(with_drafts, at_most=60)
    engine = _rows(result, "7b", "engine")
    ttft = min((r["ttft_p50_ms"] for r in engine if "ttft_p50_ms" in r), default=None)
    yield "warm first token through the engine, ms", "≤ 10", ttft, _met(ttft, at_most=10)
    through = min((r["answer_p50_ms"] for r in engine if "answer_p50_ms" in r), default=None)
    yield "warm keystroke through the engine, ms", "≤ 60", through, _met(through, at_most=60)
    aborts = [r for r in engine if "decode_p50_ms" in r]
    abort = max((r[f"{p}_p50_ms"] for r in aborts for p in ("decode", "prefill")), default=None)
    yield "abort, ms", "≤ 10", abort, _met(abort, at_most=10)
    ratio = _ratio(_rows(result, "7b", "peers"), through or answer)
    yield "generate static + compile / ours, per keystroke", "≥ 3", ratio, _met(ratio, at_least=3)


def write_plot(result: Json, stem: Path) -> Path | None:
    """Decode speed by context and by batch, as STEM.svg. None without matplotlib or figures."""
    found = {
        key: part["rows"]
        for key, part in result["parts"].items()
        if key.endswith((" decode", " batches")) and part["rows"]
    }
    if find_spec("matplotlib") is None or not found:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    by_context, by_batch = figure.subplots(1, 2)
    for key, rows in found.items():
        shape, part = key.split(" ")
        panel, x, y = (
            (by_context, "context", "share_of_copy")
            if part == "decode"
            else (by_batch, "rows", "tokens_s")
        )
        for kind in dict.fromkeys(row["kind"] for row in rows):
            of_kind = [row for row in rows if row["kind"] == kind]
            xs, ys = [row[x] for row in of_kind], [row[y] for row in of_kind]
            panel.plot(xs, ys, marker="o", label=f"{shape} {kind}")
    by_context.axhline(0.8, color="gray", linestyle="dotted")
    by_context.set(xlabel="context, tokens", ylabel="share of copy bandwidth", ylim=(0, 1.1))
    by_batch.set(xlabel="sequences", ylabel="tokens/s", xscale="log", yscale="log")
    for panel in (by_context, by_batch):
        panel.grid(alpha=0.3)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize="small")
    file = stem.with_suffix(".svg")
    figure.savefig(file, metadata={"Date": None})
    return file


def _rows(result: Json, shape: str, part: str) -> Sequence[Row]:
    rows: Sequence[Row] = result["parts"].get(f"{shape} {part}", {}).get("rows", ())
    return [row for row in rows if "failed" not in row]


def _best_decode(rows: Iterable[Row]) -> float | None:
    return max((row["share_of_copy"] for row in rows if row["context"] == 4096), default=None)


def _ratio(peers: Iterable[Row], ours: float | None) -> float | None:
    theirs = [row["answer_p50_ms"] for row in peers if "static" in row["peer"]]
    return round(theirs[0] / ours, 2) if theirs and ours else None


def _met(
    value: float | None, *, at_least: float | None = None, at_most: float | None = None
) -> bool | None:
    if value is None:
        return None
    return value >= at_least if at_least is not None else value <= (at_most or 0)


def _goal_row(name: str, wanted: str, value: float | None, met: bool | None) -> Row:
    return {
        "goal (7B)": name,
        "wanted": wanted,
        "measured": "not measured" if value is None else value,
        "met": {None: "–", True: "yes", False: "no"}[met],
    }


def _table(rows: Sequence[Row]) -> list[str]:
    """One table for each set of columns, in order."""
    lines: list[str] = []
    columns: list[str] = []
    for row in rows:
        if list(row) != columns:
            columns = list(row)
            lines += ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        cells = (str(value).replace("|", "\\|").replace("\n", " ") for value in row.values())
        lines.append(f"| {' | '.join(cells)} |")
    return lines[1:]
