"""What `fimbria models` shows: a table, and the facts of one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from lsp_server.cli.models import ModelEntry

_COLUMNS = ("Model", "Family", "Parameters", "Size", "Context", "Can")
_RIGHT = frozenset({"Parameters", "Size", "Context"})
_MARK = "●"
_WIDEST_WORD = len("completion, ")


def show_models(entries: Sequence[ModelEntry]) -> None:
    """Print a table: on a terminal with problems below it, else as plain lines, never broken."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        _show_rich(console, entries)
    else:
        typer.echo("\n".join(plain_table(entries)))


def show_model(entry: ModelEntry) -> None:
    """Print what is known of one model, a line for each fact."""
    from rich.console import Console

    facts = {
        "family": family_title(entry.family),
        "can": ", ".join(entry.capabilities),
        "layouts": ", ".join(entry.layouts),
        "context": f"{entry.context_length} tokens" if entry.context_length else "",
        "parameters": parameters_text(entry.num_parameters),
        "weights": size_text(entry.weights_mib),
        "folder": entry.folder,
        "state": entry.problem or ("used when none is named" if entry.in_use else ""),
    }
    console = Console()
    console.print(entry.name, style="bold", highlight=False, markup=False)
    for name, value in facts.items():
        if value:
            console.print(f"  {name:<11}", end="", style="dim")
            console.print(value, highlight=False, soft_wrap=True, markup=False)


def plain_table(entries: Sequence[ModelEntry]) -> list[str]:
    """Lines with aligned columns, a mark before the model in use."""
    rows = [_COLUMNS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    marks = [" ", *(_MARK if entry.in_use else " " for entry in entries)]
    return [
        f"{mark} {'  '.join(map(_aligned, row, widths, _COLUMNS))}".rstrip()
        for mark, row in zip(marks, rows, strict=True)
    ]


def family_title(name: str) -> str:
    """A family as people write it."""
    from model_runtime.families import FAMILIES

    return next((family.title for family in FAMILIES if family.name == name), name)


def parameters_text(number: int | None) -> str:
    """12 k, 8.4 M, 6.7 B."""
    if not number:
        return ""
    if number < 1e6:
        return f"{number / 1e3:.0f} k"
    return f"{number / 1e6:.1f} M" if number < 1e9 else f"{number / 1e9:.1f} B"


def size_text(mib: float) -> str:
    """32.1 MiB, 12.6 GiB."""
    if not mib:
        return ""
    return f"{mib:.1f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"


def _row(entry: ModelEntry) -> tuple[str, ...]:
    return (
        entry.name,
        family_title(entry.family),
        parameters_text(entry.num_parameters),
        size_text(entry.weights_mib),
        str(entry.context_length or ""),
        entry.problem or ", ".join(entry.capabilities),
    )


def _aligned(cell: str, width: int, column: str) -> str:
    return cell.rjust(width) if column in _RIGHT else cell.ljust(width)


def _show_rich(console: Console, entries: Sequence[ModelEntry]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("")
    for column in _COLUMNS:
        table.add_column(
            column,
            justify="right" if column in _RIGHT else "left",
            no_wrap=column in _RIGHT,
            overflow="fold",
            min_width=_WIDEST_WORD if column == "Can" else None,
        )
    for entry in entries:
        *cells, can = map(Text, _row(entry))
        mark = Text(_MARK if entry.in_use else "", "green")
        table.add_row(mark, *cells, Text("cannot be used", "red") if entry.problem else can)
    console.print(table)
    for entry in entries:
        if entry.problem:
            problem = f"{entry.name}: {entry.problem}"
            console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"[green]{_MARK}[/green] [dim]is used when none is named; `fimbria models use NAME` "
        "changes that.[/dim]",
        highlight=False,
    )
