"""`fimbria stats`: what became of the suggestions on this machine."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lsp_server.cli.errors import CommandError
from lsp_server.cli.options import JsonOption
from lsp_server.cli.summary import percentiles
from lsp_server.statistics import Outcome, SuggestionRecord, delete, load, statistics_file

NOTHING_YET = (
    "No suggestions have been recorded yet. Editors tell of them while you type; the setting "
    "fimbria.statistics turns it off."
)
_DAY_S = 86_400.0
_ALL = "all"
_BAR_WIDTH = 30
_BLOCKS = " ▏▎▍▌▋▊▉█"
_TAKEN = (Outcome.ACCEPTED, Outcome.PARTLY)
_TOLD = (Outcome.SHOWN, Outcome.DISMISSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Suggestions with something in common. accepted: whole or in part; the characters likewise.
    latency: percentiles 50 and 95 of milliseconds to the answer.
    """

    name: str
    suggestions: int
    accepted: int
    dismissed: int
    chars_offered: int
    chars_accepted: int
    latency_p50_ms: float
    latency_p95_ms: float

    @property
    def acceptance(self) -> float:
        return self.accepted / self.suggestions


def stats(
    days: Annotated[int, typer.Option(min=1, metavar="N", help="Look so many days back.")] = 30,
    as_json: JsonOption = False,
    clear: Annotated[bool, typer.Option("--clear", help="Forget everything recorded.")] = False,
) -> None:
    """Show how many suggestions you accepted, and how fast they came, by language and day.

    The figures are kept on this machine only; they hold no text.
    """
    file = statistics_file()
    try:
        if clear:
            typer.echo("Forgotten." if delete(file) else "There was nothing to forget.")
            return
        records = drawn(load(file, since=time.time() - days * _DAY_S))
    except OSError as error:
        raise CommandError(f"the statistics cannot be read: {error}.") from error
    if as_json:
        typer.echo(json.dumps(as_object(records, days), ensure_ascii=False))
        return
    Console(highlight=False).print(report(records) if records else NOTHING_YET)


def as_object(records: Sequence[SuggestionRecord], days: int) -> dict[str, object]:
    """What `--json` prints."""
    return {
        "days": days,
        "total": _as_json(tally(_ALL, records)) if records else None,
        "languages": [_as_json(each) for each in by(records, lambda r: r.language)],
        "by_day": [_as_json(each) for each in by(records, _day)],
    }


def report(records: Sequence[SuggestionRecord]) -> RenderableType:
    """Tables by language and by day; the newest day last."""
    languages = sorted(by(records, lambda r: r.language), key=lambda t: -t.suggestions)
    total = [tally(_ALL, records)] if len(languages) > 1 else []
    return Group(
        _table("Language", [*languages, *total]),
        Text(""),
        _plot(by(records, _day)),
    )


def drawn(records: Sequence[SuggestionRecord]) -> list[SuggestionRecord]:
    """Leave out what was never drawn, of editors that tell what they draw: it came too late, or a
    menu was in its place. Of other editors nobody knows.
    """
    telling = {record.session for record in records if record.outcome in _TOLD}
    return [
        record
        for record in records
        if record.outcome is not Outcome.OFFERED or record.session not in telling
    ]


def by(records: Iterable[SuggestionRecord], key: Callable[[SuggestionRecord], str]) -> list[Tally]:
    """One tally per value of `key`, in the order of the values."""
    groups: dict[str, list[SuggestionRecord]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return [tally(name, groups[name]) for name in sorted(groups)]


def tally(name: str, records: Sequence[SuggestionRecord]) -> Tally:
    """Add up at least one record."""
    outcomes = [record.outcome for record in records]
    latency = percentiles([record.latency_ms for record in records])
    assert latency is not None
    return Tally(
        name=name or "plain text",
        suggestions=len(records),
        accepted=sum(outcome in _TAKEN for outcome in outcomes),
        dismissed=outcomes.count(Outcome.DISMISSED),
        chars_offered=sum(record.num_chars for record in records),
        chars_accepted=sum(record.num_accepted for record in records),
        latency_p50_ms=latency.p50,
        latency_p95_ms=latency.p95,
    )


def _as_json(each: Tally) -> dict[str, object]:
    rounded = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in asdict(each).items()
    }
    return {**rounded, "acceptance": round(each.acceptance, 4)}


def _day(record: SuggestionRecord) -> str:
    return datetime.datetime.fromtimestamp(record.at).astimezone().date().isoformat()


def _table(title: str, rows: Sequence[Tally]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title)
    for heading in ("suggested", "accepted", "", "characters kept", "p50 ms", "p95 ms"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            Text(row.name, "bold" if row.name == _ALL else ""),
            f"{row.suggestions:,}",
            f"{row.accepted:,}",
            f"{row.acceptance:.0%}",
            f"{row.chars_accepted:,}",
            f"{row.latency_p50_ms:.0f}",
            f"{row.latency_p95_ms:.0f}",
        )
    return table


def _plot(days: Sequence[Tally]) -> Table:
    """A bar per day: suggestions, the accepted ones bright."""
    most = max(day.suggestions for day in days)
    grid = Table.grid(padding=(0, 2))
    for day in days:
        bar = Text(_bar(day.accepted / most), "green")
        bar.append("░" * (round(_BAR_WIDTH * day.suggestions / most) - len(bar)), "dim")
        grid.add_row(Text(day.name, "dim"), bar, f"{day.acceptance:.0%} of {day.suggestions:,}")
    return grid


def _bar(share: float) -> str:
    eighths = round(8 * _BAR_WIDTH * share)
    return "█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()
