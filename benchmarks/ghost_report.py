"""The figures of typing with ghost text, beside the goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.report import setting, table

if TYPE_CHECKING:
    from benchmarks.ghost_keys import Key

Json = Mapping[str, Any]

ANSWERED = {60.0: 0.60, 150.0: 0.95}
"""By pace, the share of keys that are to be answered before the next one."""
FRESH_MS, ALONG_MS, ECHO_MS = 40.0, 5.0, 1.0

_NAMES = {"neovim": "Neovim", "vscode": "VS Code"}
_ANSWERED = {
    "neovim": "no answer was waited for any more: ghost text, or that there is nothing to say.",
    "vscode": "ghost text was drawn, or VS Code had been told that there is nothing to say.",
}
_NOTES = """
- Fresh: ghost text that a key brought. Along: what was left of it after a key that it began with,
  or what an answer to the key before still brought, from the frame with the key itself on.
- Flickers: ghost text that went, or became another one, within 100 ms and without a key.
- Echo: when the key itself is drawn, in the middle of all keys, without the plugin and with it.
"""
_ABOUT = {
    "neovim": """
- The clock is that of the program that sends the keys and takes in what Neovim draws. What a
  terminal takes to show it comes on top.
""",
    "vscode": """
- The clock is the page's, from the event of the key to the frame in which the page was changed.
  The workbench is in a headless browser, with the extension's host and the server on the same
  cores. The page is drawn 60 times a second: nothing is seen sooner than in the next of these
  frames, 16.7 ms apart, which is 8 ms of each time on average. Keys come 1 ms later than the pace
  says, so that they meet these frames at every distance alike.
- VS Code itself waits 50 ms after a key before it asks, and each key begins that anew; in Neovim
  the plugin asks at once. New ghost text cannot come sooner, and at 60 ms a key hardly at all.
- Without: the extension is not installed. With and without it VS Code's menu of completions is off,
  and so are the brackets, quotes and indentation that it types by itself.
""",
}


def figures(delay_ms: float, keys: Sequence[Key], without: Sequence[Key]) -> dict[str, Any]:
    """Sum up one pace. without: the same keys without the plugin."""
    fresh = [key.ghost_ms for key in keys if key.ghost_ms is not None and not key.is_along]
    along = [
        key.ghost_ms - key.echo_ms
        for key in keys
        if key.is_along and key.ghost_ms is not None and key.echo_ms is not None
    ]
    return {
        "delay_ms": delay_ms,
        "num_keys": len(keys),
        "answered_share": sum(key.is_answered for key in keys) / len(keys),
        "num_fresh": len(fresh),
        "fresh_ms": round(median(fresh), 1) if fresh else None,
        "num_along": len(along),
        "along_ms": round(max(along), 1) if along else None,
        "num_flickers": sum(key.is_flicker for key in keys),
        "without_echo_ms": round(_echo(without), 2),
        "with_echo_ms": round(_echo(keys), 2),
        "echo_ms": round(_echo(keys) - _echo(without), 2),
    }


def _echo(keys: Sequence[Key]) -> float:
    times = [key.echo_ms for key in keys if key.echo_ms is not None]
    return median(times) if times else 0.0


def ghost_markdown(result: Json) -> str:
    """Return the table, the goals and what the columns mean."""
    config = result["config"]
    editor = config["editor"]
    parts = [
        [f"# From a key to ghost text in {_NAMES[editor]}, {config['date']}"],
        [f"Typed: a part of {config['source']}.", *setting(config)],
        table(
            "ms a key | keys | answered | fresh | ms p50 | along | ms max | flickers | "
            "echo ms p50: without | with | slowed by",
            (_row(point) for point in result["points"]),
        ),
        [
            f"Goals: answered ≥ {ANSWERED[150.0]:.0%} at 150 ms and ≥ {ANSWERED[60.0]:.0%} at "
            f"60 ms; fresh ≤ {FRESH_MS:g} ms; along ≤ {ALONG_MS:g} ms; no flickers; "
            f"echo slowed by ≤ {ECHO_MS:g} ms."
        ],
        [
            f"- Answered: three milliseconds before the next key {_ANSWERED[editor]}",
            _NOTES.strip(),
            _ABOUT[editor].strip(),
        ],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _row(point: Json) -> list[str]:
    def shown(value: object) -> str:
        return "–" if value is None else str(value)

    return [
        f"{point['delay_ms']:g}",
        str(point["num_keys"]),
        f"{point['answered_share']:.0%}",
        str(point["num_fresh"]),
        shown(point["fresh_ms"]),
        str(point["num_along"]),
        shown(point["along_ms"]),
        str(point["num_flickers"]),
        str(point["without_echo_ms"]),
        str(point["with_echo_ms"]),
        f"{point['echo_ms']:+g}",
    ]
