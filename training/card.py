"""The model card: a template filled with measured numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

from training.checkpoint import Progress

TEMPLATE = "model_card.md"
MAIN_SOURCES = 12
NOT_MEASURED = "not measured"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class CardFacts:
    """Everything the card states. `earlier` is the record of the model shipped before."""

    num_parameters: int
    progress: Progress
    corpus: Record
    record: Record
    earlier: Record | None = None


def write_card(facts: CardFacts) -> str:
    """The model card in Markdown."""
    template = files("training").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return Template(template).substitute(_fields(facts))


def _fields(facts: CardFacts) -> dict[str, str]:
    record, progress = facts.record, facts.progress
    losses = record["held_out"]
    return {
        "parameters": f"{facts.num_parameters / 1e6:.1f}M",
        "tokens": f"{progress.total_tokens / 1e6:.1f}M",
        "tokens_before": f"{progress.tokens_before / 1e6:.1f}M",
        "tokens_here": f"{progress.tokens / 1e6:.1f}M",
        "corpus_chars": f"{facts.corpus['chars']['train'] / 1e6:.0f} MB",
        "corpus_files": str(facts.corpus["files"]["train"]),
        "held_out_packages": ", ".join(facts.corpus["held_out"]),
        "sources": _sources(facts.corpus["trained_on"]),
        "val_in": f"{losses['val_in']:.2f}",
        "val_out": f"{losses['val_out']:.2f}",
        "middle": f"{losses['middle']:.2f}",
        "results": results_table(record, facts.earlier),
        "floors": floors_table(record["floors"]),
        "verdict": _verdict(record),
        "overlap": _overlap(record.get("overlap")),
        "executed": "executed" if record["executed"] else "not executed",
    }


def _sources(sources: Sequence[Record]) -> str:
    total = sum(source["chars"] for source in sources)
    rows = [
        f"| {s['name']} | {s['version']} | {s['licence']} | {s['chars'] / total:.0%} |"
        for s in sources[:MAIN_SOURCES]
    ]
    rest = sum(source["chars"] for source in sources[MAIN_SOURCES:])
    rows.append(f"| {len(sources) - MAIN_SOURCES} more, see NOTICE | | | {rest / total:.0%} |")
    return "\n".join(rows)


def results_table(record: Record, earlier: Record | None = None) -> str:
    """One row per task; a second one for the model before, on the same items."""
    rows = []
    for name, score in record["scores"].items():
        rows.append(_result_row(TASK_NAMES[name], score))
        if earlier and name in earlier["scores"]:
            rows.append(_result_row("... the version before", earlier["scores"][name]))
    return "\n".join([RESULT_HEAD, *rows])


TASK_NAMES = {
    "single_line": "HumanEval single line",
    "random_span": "HumanEval random span (light)",
    "rest_of_line": "rest of a line, held-out files",
}
RESULT_HEAD = """\
| task | items | exact, as shown (95 % interval) | exact, whole answer | edit similarity | \
ends by itself | parses | passes the tests |
|---|---|---|---|---|---|---|---|"""


def _result_row(name: str, score: Record) -> str:
    interval = f"{score['exact_shown_low']:.1%} to {score['exact_shown_high']:.1%}"
    cells = [
        name,
        str(score["num_items"]),
        f"{score['exact_shown']:.1%} ({interval})",
        f"{score['exact_whole']:.1%}",
        f"{score['edit_similarity']:.3f}",
        f"{score['ended']:.0%}",
        f"{score['parses']:.0%}",
        "" if score["passed"] is None else _percent(score["passed"]),
    ]
    return "| " + " | ".join(cells) + " |"


def floors_table(floors: Record) -> str:
    """What the same items give without a model."""
    rows = [
        ("HumanEval single line: delete the line", "passes", "single_line_deleted_passes"),
        ("HumanEval single line: 4-gram model", "exact", "single_line_four_gram"),
        ("HumanEval single line: copy oracle", "exact", "single_line_copy_oracle"),
        ("rest of a line: lookup in the open file", "exact", "rest_of_line_lookup"),
    ]
    lines = [f"| {name} | {what} | {_percent(floors.get(key))} |" for name, what, key in rows]
    return "\n".join(["| without a model | | |", "|---|---|---|", *lines])


def _verdict(record: Record) -> str:
    """Whether the model is worth more than looking the line up in the file."""
    model = record["scores"]["rest_of_line"]["exact_shown"]
    lookup = record["floors"]["rest_of_line_lookup"]
    compared = "beats" if model > lookup else "does **not** beat"
    return f"On the rest of a line this model {compared} the lookup ({model:.1%} to {lookup:.1%})."


def _percent(share: float | None) -> str:
    return NOT_MEASURED if share is None else f"{share:.1%}"


def _overlap(overlap: Record | None) -> str:
    if overlap is None:
        return NOT_MEASURED
    return (
        f"{overlap['shared_grams']} of {overlap['benchmark_grams']} distinct 10-grams of words "
        f"and punctuation marks ({overlap['shared_grams'] / overlap['benchmark_grams']:.2%}), in "
        f"{overlap['problems_touched']} of {overlap['problems']} problems"
    )
