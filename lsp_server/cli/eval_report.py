"""What `fimbria eval infilling` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from model_runtime.evaluation import Published, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that a figure depends on. layout: the one used; auto is resolved."""

    benchmark: str
    data: str
    limit: int | None
    model: str
    adapter: str
    device: str
    dtype: str
    layout: str
    heal: bool
    max_tokens: int
    executed: bool


def report_json(
    configuration: Configuration, result: Score, figures: Sequence[Published]
) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        **asdict(result),
        "configuration": asdict(configuration),
        "published": [asdict(figure) for figure in figures],
    }


def show_report(configuration: Configuration, result: Score, figures: Sequence[Published]) -> None:
    """Print the figures as a table, published ones below."""
    from rich import box
    from rich.table import Table

    console = Console()
    one = configuration
    model = f"{one.model} with {one.adapter}" if one.adapter else one.model
    facts = f"{model} · {one.dtype} on {one.device} · {one.layout}"
    facts += "" if one.heal else " without token healing"
    console.print(f"[bold]{one.benchmark}[/bold]  {facts} · {result.num_items} tasks, greedy")
    low, high = result.exact_match_interval
    rows = [
        ("exact match", f"{result.exact_match:.1%}", f"95 %: {low:.1%} to {high:.1%}"),
        ("  as an editor shows it", f"{result.exact_match_as_shown:.1%}", ""),
        ("  of the first line", f"{result.exact_match_first_line:.1%}", ""),
        ("edit similarity", f"{result.edit_similarity:.3f}", "1 − Levenshtein / longer text"),
        ("  as an editor shows it", f"{result.edit_similarity_as_shown:.3f}", ""),
        ("ended by the model", f"{result.ended:.1%}", f"else cut at {one.max_tokens} tokens"),
        ("pass@1", "—" if result.pass_at_1 is None else f"{result.pass_at_1:.1%}", _executed(one)),
    ]
    table = Table(box=box.SIMPLE, show_header=False)
    for row in rows:
        table.add_row(row[0], row[1], f"[dim]{row[2]}[/dim]")
    for figure in figures:
        table.add_row(
            f"[dim]{figure.what}[/dim]",
            f"[dim]{figure.value}%[/dim]",
            f"[dim]{figure.source}[/dim]",
        )
    console.print(table)


def _executed(configuration: Configuration) -> str:
    return "" if configuration.executed else "not executed; --execute runs it in a sandbox"
