"""Tables and plots of what was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.quality_cache import Trial
from benchmarks.quality_calibration import (
    STATISTICS,
    USED,
    Calibration,
    Outcome,
    Share,
    gated,
    steps,
)
from benchmarks.quality_habits import Habit
from benchmarks.quality_layouts import Row
from benchmarks.quality_snippets import SnippetTrial
from training.evaluation.overlap import Overlap
from training.evaluation.scoring import Score


def layouts_table(rows: Sequence[Row]) -> list[str]:
    """One line for each task and variant."""
    lines = [
        "| task | items | prompt | exact, as shown (95 % interval) | edit similarity "
        "| first word right | ended by the model | parses |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        s = row.score
        exact, similarity, parses = _score_cells(s)
        cells = [row.task.replace("_", " "), str(s.num_items), row.variant, exact, similarity]
        lines.append(_line([*cells, f"{row.first_word:.1%}", f"{s.ended:.0%}", parses]))
    return lines


def cache_table(trials: Sequence[Trial]) -> list[str]:
    """One line for each setting."""
    lines = [
        "| n-grams of | weight | half length | growth | half life "
        "| exact, as shown (95 % interval) | edit similarity | parses |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for trial in trials:
        w = trial.setting.weights
        cells = [str(trial.setting.scope)]
        cells += [f"{value:g}" for value in (w.weight, w.half_length, w.growth, w.half_life)]
        lines.append(_line([*cells, *_score_cells(trial.score)]))
    return lines


def snippets_table(trials: Sequence[SnippetTrial]) -> list[str]:
    """One line for each amount of text from other files."""
    lines = [
        "| characters of other files at most | exact, as shown (95 % interval) | edit similarity "
        "| parses | right only with them | right only without | shown | exact among shown |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for trial in trials:
        cells = [f"{trial.max_chars:,}", *_score_cells(trial.score), str(trial.won)]
        shown = f"{trial.shown / max(1, trial.score.num_items):.0%}"
        precision = f"{trial.right / max(1, trial.shown):.0%} ({trial.right} of {trial.shown})"
        lines.append(_line([*cells, str(trial.lost), shown, precision]))
    return lines


def floor_line(floor: Score) -> str:
    """The lookup that the others stand beside."""
    return _line(["no model: lookup in the file", "", "", "", "", *_score_cells(floor)])


def calibration_table(calibrations: Sequence[Calibration]) -> list[str]:
    """One line for each statistic: its threshold, and what it does on the half it was not chosen
    on.
    """
    lines = [
        "| statistic | threshold | chosen on: shown, exact | checked on: requests, shown "
        "| exact among shown (95 % interval) |",
        "|---|--:|--:|--:|--:|",
    ]
    for found in calibrations:
        chosen, checked = found.chosen_on, found.checked_on
        cells = [found.statistic, f"{found.threshold:.2f}"]
        cells.append(f"{chosen.shown_share:.1%}, {chosen.precision:.1%}")
        cells.append(f"{checked.requests}, {checked.shown_share:.1%}")
        lines.append(_line([*cells, _precision(checked)]))
    return lines


def steps_table(found: Sequence[Outcome], statistic: str = USED) -> list[str]:
    """What different thresholds show."""
    measure = STATISTICS[statistic]
    lines = [
        f"| {statistic} log-probability at least | shown | exact among shown (95 % interval) |",
        "|--:|--:|--:|",
    ]
    for threshold in steps(found, measure):
        share = gated(found, measure, threshold)
        lines.append(_line([f"{threshold:.2f}", f"{share.shown_share:.1%}", _precision(share)]))
    return lines


def habits_table(found: Sequence[Outcome], threshold: float, statistic: str = USED) -> list[str]:
    """How often what passes the threshold shows a bad habit, and is right all the same."""
    measure = STATISTICS[statistic]
    passed = [o for o in found if o.shown and measure(o.logprobs) >= threshold]
    lines = ["| bad habit | of the shown | exactly right |", "|---|--:|--:|"]
    for habit in Habit:
        having = [o for o in passed if habit in o.habits]
        share, right = len(having) / max(1, len(passed)), sum(o.exact for o in having)
        lines.append(_line([habit, f"{share:.1%} ({len(having)})", str(right)]))
    return lines


def overlap_line(overlap: Overlap) -> str:
    """How much of the benchmarks the training data hold."""
    return (
        f"Overlap of the training data with HumanEval's text: {overlap.shared_grams} of "
        f"{overlap.benchmark_grams} distinct 10-grams ({overlap.share:.2%}), in "
        f"{overlap.problems_touched} of {overlap.problems} problems."
    )


def draw(found: Sequence[Outcome], chosen: Calibration, target: float, file: Path) -> bool:
    """Plot precision over the share shown, for each statistic; whether matplotlib is there."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, statistic in STATISTICS.items():
        shares = [gated(found, statistic, step) for step in steps(found, statistic, 40)[2:]]
        axes.plot(
            [100 * share.shown_share for share in shares],
            [100 * share.precision for share in shares],
            label=name,
            linewidth=2 if name == chosen.statistic else 1,
        )
    checked = chosen.checked_on
    axes.plot(100 * checked.shown_share, 100 * checked.precision, "o", color="black")
    axes.axhline(100 * target, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="requests with a suggestion, %", ylabel="exactly right among them, %")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
    return True


def write_json(content: dict[str, Any], file: Path) -> None:
    """Write figures for programs, rounded to what they are worth."""
    text = json.dumps(_rounded(content), indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def row_record(row: Row) -> dict[str, Any]:
    """A layout's row for the JSON file."""
    named = {"task": row.task, "prompt": row.variant, "first_word": row.first_word}
    return named | asdict(row.score)


def _score_cells(s: Score) -> list[str]:
    exact = f"{s.exact_shown:.1%} ({s.exact_shown_low:.1%} to {s.exact_shown_high:.1%})"
    return [exact, f"{s.edit_similarity:.3f}", f"{s.parses:.0%}"]


def _precision(share: Share) -> str:
    return f"{share.precision:.1%} ({share.low:.1%} to {share.high:.1%})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
