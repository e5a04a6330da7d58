"""Results as JSON for programs and as Markdown tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.goals import goals
from benchmarks.notes import notes
from benchmarks.questions import MAX_TOKENS

Json = Mapping[str, Any]


def markdown(result: Json, plot: Path | None = None) -> str:
    """Return the tables with the machine and what the columns mean, and a link to the plot."""
    config, engines = result["config"], result["engines"]
    parts = [
        [f"# Keystrokes of {config['trace']}, {config['date']}"],
        [*_keys(config), *setting(config)],
        table(
            "engine | keys | without model | reused | new tokens p50 / p95 / p99 | "
            "first token ms p50 / p95 / p99 | answer ms p50 / p95 / p99 | answer tokens | "
            "drafted, accepted | idle tokens per key",
            (_row(name, figures) for name, figures in engines.items()),
        ),
        _ratios(result["ratios"]),
        _goals(result),
        _places(result["places"]),
        [f"![How answer times and new tokens are distributed]({plot.name})"] if plot else [],
        notes(config, engines),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def write_pair(stem: Path, text: str, content: str) -> None:
    """Write STEM.md and STEM.json; the folder is made."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_name(f"{stem.name}.md").write_text(text, encoding="utf-8")
    stem.with_name(f"{stem.name}.json").write_text(content, encoding="utf-8")


def stem_of(config: Json) -> str:
    """Name of a result's files without their ending: DATE-keystrokes-TRACE, and what is unusual."""
    parts = [config["date"], "keystrokes", config["trace"]]
    if config["model"] != "starter":
        parts.append(Path(config["model"]).name.replace(":", "-"))
    if config["max_tokens"] != MAX_TOKENS:
        parts.append(f"{config['max_tokens']}-tokens")
    if config["fixed"]:
        parts.append("fixed")
    return "-".join(parts)


def setting(config: Json) -> list[str]:
    """Model, machine and versions, for people."""
    versions = ", ".join(f"{name} {version}" for name, version in config["versions"].items())
    return [
        f"Model {config['model']}, {config['dtype']}, {config['device']}, "
        f"{count(config['threads'], 'thread')}.",
        f"{config['cpu']}, {count(config['cores'], 'core')}, {config['memory_gib']} GiB, "
        f"{config['system']}; load average before: {config['load_before']}.",
        f"{versions}.",
    ]


def table(head: str, rows: Iterable[Iterable[str]]) -> list[str]:
    """Lay out a Markdown table; the first column is of words, the others are of numbers."""
    num_columns = head.count("|") + 1
    return [
        f"| {head} |",
        f"|---{'|--:' * (num_columns - 1)}|",
        *(f"| {' | '.join(cells)} |" for cells in rows),
    ]


def count(number: int, noun: str) -> str:
    """Say how many."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def joined(values: Mapping[str, float], num_digits: int) -> str:
    """Percentiles between slashes."""
    return " / ".join(f"{value:.{num_digits}f}" for value in values.values())


def _keys(config: Json) -> list[str]:
    spans, every = config["spans"], config["generate_every"]
    part = f"{config['keystrokes']} of {config['of_keystrokes']} typed characters"
    is_whole = config["keystrokes"] == spans[-1][1] - spans[0][0]
    if not is_whole:
        part += f", in {count(len(spans), 'block')} spread evenly"
    elif spans[0][0]:
        part += f" after the first {spans[0][0]}"
    exactly = "exactly" if config["fixed"] else "up to"
    tokens = count(config["max_tokens"], "token")
    sampled = f"; `generate` at every {every}th" if every > 1 else ""
    return [f"{part}; {exactly} {tokens} each, greedy{sampled}."]


def _row(name: str, figures: Json) -> list[str]:
    drafted, accepted = figures["draft_tokens"], figures["accepted_tokens"]
    return [
        name,
        str(figures["keystrokes"]),
        str(figures["without_model"]),
        f"{figures['reused_share']:.1%}",
        joined(figures["new_tokens"], 0),
        joined(figures["ttft_ms"], 1),
        joined(figures["answer_ms"], 1),
        str(figures["mean_answer_tokens"]),
        f"{drafted}, {accepted / drafted:.0%}" if drafted else "0",
        str(figures["idle_tokens_per_key"]),
    ]


def _ratios(ratios: Json) -> list[str]:
    rows = []
    for name, ratio in ratios.items():
        asked = ratio["asked_model"]
        rows.append([name, *_ratio_cells(ratio), *_ratio_cells(asked)])
    if not rows:
        return []
    kinds = "first token p50 / p95 / p99 | answer p50 / p95 / p99"
    head = f"`fimbria` divided by | keys | {kinds} | keys that asked our model | {kinds}"
    return table(head, rows)


def _ratio_cells(ratio: Json) -> list[str]:
    return [
        str(ratio["keystrokes"]),
        joined(ratio.get("ttft", {}), 3) or "–",
        joined(ratio.get("answer", {}), 3) or "–",
    ]


def _places(places: Json) -> list[str]:
    rows = (
        [
            place,
            name,
            str(figures["keystrokes"]),
            f"{figures['reused_share']:.1%}",
            joined(figures["new_tokens"], 0),
            joined(figures["answer_ms"], 1),
        ]
        for place, engines in places.items()
        for name, figures in engines.items()
    )
    head = "typed | engine | keys | reused | new tokens p50 / p95 / p99 | answer ms p50 / p95 / p99"
    return table(head, rows) if any(places.values()) else []


def _goals(result: Json) -> list[str]:
    found = goals(result)
    if not found:
        return []
    rows = ([g.name, g.wanted, g.measured, "yes" if g.is_met else "no"] for g in found)
    return table("goal | wanted | measured | met", rows)
