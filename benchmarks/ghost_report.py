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

_NOTES = """
- Answered: three milliseconds before the next key no answer was waited for any more. It is ghost
  text, or that there is nothing to say.
- Fresh: ghost text that a key brought. Along: what was left of it after a key that it began with,
  from the frame with the key itself on.
- Flickers: ghost text that went, or became another one, within 100 ms and without a key.
- Echo: how much later than without the plugin the key itself is drawn, in the middle of all keys.
"""


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
        "echo_ms": round(_echo(keys) - _echo(without), 2),
    }


def _echo(keys: Sequence[Key]) -> float:
    times = [key.echo_ms for key in keys if key.echo_ms is not None]
    return median(times) if times else 0.0


def ghost_markdown(result: Json) -> str:
    """Return the table, the goals and what the columns mean."""
    config = result["config"]
    parts = [
        [f"# From a key to ghost text in Neovim, {config['date']}"],
        [f"Typed: a part of {config['source']}.", *setting(config)],
        table(
            "ms a key | keys | answered | fresh | ms p50 | along | ms max | flickers | echo ms",
            (_row(point) for point in result["points"]),
        ),
        [
            f"Goals: answered ≥ {ANSWERED[150.0]:.0%} at 150 ms and ≥ {ANSWERED[60.0]:.0%} at "
            f"60 ms; fresh ≤ {FRESH_MS:g} ms; along ≤ {ALONG_MS:g} ms; no flickers; "
            f"echo ≤ {ECHO_MS:g} ms."
        ],
        [_NOTES.strip()],
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
        f"{point['echo_ms']:+g}",
    ]
