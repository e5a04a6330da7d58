"""The figures of typing with ghost text, beside the goals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.ghost_keys import Kind
from benchmarks.measurements import percentile
from benchmarks.report import setting, table

if TYPE_CHECKING:
    from benchmarks.ghost_keys import Key

Json = Mapping[str, Any]

ANSWERED = {60.0: 0.60, 150.0: 0.95}
"""By pace, the share of keys that are to be answered before the next one."""
FRESH_MS, ALONG_MS, ECHO_MS = 40.0, 5.0, 1.0
SHARES = (0.5, 0.9)

_NAMES = {"neovim": "Neovim", "vscode": "VS Code"}
_NOTES = """
- Answered: three milliseconds before the next key there is ghost text, or the server has said that
  there is nothing to say. The second table has all that there is at that time. *undrawn*: texts
  were sent and none is drawn; *waiting*: the editor still waits for the answer; *null*: the
  question was out of date; *error*: the server or its model could not answer; *unasked*: nobody has
  asked.
  What the server has said is written down in the server: an editor cannot tell a reasoned nothing
  from one that is said because no model is there.
- Fresh: new ghost text that a key brought. Late: of these, those that came only when the next key
  was there; they are in the percentiles with the time since their key. Waiting keys whose answer
  was never drawn are in none of these.
- Along: what a key that the ghost text began with left of it, from the frame with the key on.
- Flickers: ghost text that no key has contradicted and that went, or became another one, less than
  100 ms after it came, keys that it was typed along with in between or not; or that came back after
  less than 100 ms.
- Echo: when the key itself is drawn. One text is typed without the plugin first, the other with it
  first; what the two differ in is the measure's own uncertainty.
- Threads are not pinned: the editor, the server and the model share all cores, and this program and
  what draws the screen do, too. Figures taken on one core, by a program alone, are no comparison.
- source_text.py is Fimbria's own code, ghost_weaving.py was written for this, about something that
  little code is about. Neither is in what the starter was trained on: the list of packages in its
  NOTICE does not have Fimbria. The second is there to be hard to foresee.
"""
_ABOUT = {
    "neovim": """
- The clock is that of the program that sends the keys and takes in what Neovim draws. What a
  terminal takes to show it comes on top.
- Each run has a Neovim and a server of its own; the daemon with the model stays.
""",
    "vscode": """
- The clock is the page's, from the event of the key to the frame in which the page was changed.
  The workbench is in a headless browser, with the extension's host and the server on the same
  cores. The page is drawn 60 times a second: nothing is seen sooner than in the next of these
  frames, 16.7 ms apart, which is 8 ms of each time on average. Keys come 1 ms later than the pace
  says, so that they meet these frames at every distance alike.
- VS Code itself waits 50 ms after a key before it asks, and each key begins that anew. The
  extension asks the server at once and has the answer ready, but new ghost text cannot come before
  VS Code asks, and at 60 ms a key hardly at all. *Unasked* counts VS Code's own questions.
- Without: the extension is not installed. With and without it VS Code's menu of completions is off,
  and so are the brackets, quotes and indentation that it types by itself.
- Each text has a workbench of its own; between its runs the file is reverted and the server
  started anew. The daemon with the model stays.
""",
}


def figures(delay_ms: float, keys: Sequence[Key], without: Sequence[Key]) -> dict[str, Any]:
    """Sum up one text at one pace. without: the same keys without the plugin. Pairs of times are
    the `SHARES` percentiles.
    """
    soon = [key.ghost_ms for key in keys if key.is_fresh and key.ghost_ms is not None]
    late = [key.late_ms for key in keys if key.late_ms is not None]
    along = [
        key.ghost_ms - key.echo_ms
        for key in keys
        if key.is_along and key.ghost_ms is not None and key.echo_ms is not None
    ]
    kinds = Counter(key.kind for key in keys)
    without_echo, with_echo = _echo(without), _echo(keys)
    return {
        "delay_ms": delay_ms,
        "num_keys": len(keys),
        "answered_share": sum(key.is_answered for key in keys) / len(keys),
        "kinds": {kind.value: kinds[kind] for kind in Kind},
        "num_fresh": len(soon) + len(late),
        "num_late": len(late),
        "fresh_ms": _percentiles([*soon, *late], 1),
        "num_along": len(along),
        "along_ms": round(max(along), 1) if along else None,
        "num_flickers": sum(key.is_flicker for key in keys),
        "without_echo_ms": without_echo,
        "with_echo_ms": with_echo,
        "echo_ms": [
            round(ours - theirs, 2) for ours, theirs in zip(with_echo, without_echo, strict=True)
        ],
    }


def _echo(keys: Sequence[Key]) -> list[float]:
    return _percentiles([key.echo_ms for key in keys if key.echo_ms is not None], 2) or [0.0, 0.0]


def _percentiles(values: Iterable[float], num_digits: int) -> list[float] | None:
    ordered = sorted(values)
    if not ordered:
        return None
    return [round(percentile(ordered, share), num_digits) for share in SHARES]


def ghost_markdown(result: Json) -> str:
    """Return the tables, the goals and what the columns mean."""
    config, points = result["config"], result["points"]
    editor = config["editor"]
    parts = [
        [f"# From a key to ghost text in {_NAMES[editor]}, {config['date']}"],
        [f"Typed: parts of {' and '.join(config['sources'])}.", *setting(config)],
        table(
            "text | ms a key | keys | answered | fresh | of these late | ms p50 / p90 | along | "
            "ms max | flickers",
            ([*_place(point), *_row(point)] for point in points),
        ),
        table(
            f"text | ms a key | {' | '.join(Kind)}",
            ([*_place(point), *(str(point["kinds"][kind]) for kind in Kind)] for point in points),
        ),
        table(
            "text | ms a key | plugin | echo ms p50 / p90: without | with | slowed by",
            ([*_place(point), *_echo_row(point)] for point in points),
        ),
        [
            f"Goals: answered ≥ {ANSWERED[150.0]:.0%} at 150 ms and ≥ {ANSWERED[60.0]:.0%} at "
            f"60 ms; fresh ≤ {FRESH_MS:g} ms; along ≤ {ALONG_MS:g} ms; no flickers; "
            f"echo slowed by ≤ {ECHO_MS:g} ms."
        ],
        [_NOTES.strip(), _ABOUT[editor].strip()],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _place(point: Json) -> list[str]:
    return [point["text"], f"{point['delay_ms']:g}"]


def _row(point: Json) -> list[str]:
    return [
        str(point["num_keys"]),
        f"{point['answered_share']:.0%}",
        str(point["num_fresh"]),
        str(point["num_late"]),
        _joined(point["fresh_ms"]),
        str(point["num_along"]),
        _joined(None if point["along_ms"] is None else [point["along_ms"]]),
        str(point["num_flickers"]),
    ]


def _echo_row(point: Json) -> list[str]:
    return [
        "first" if point["is_plugin_first"] else "second",
        _joined(point["without_echo_ms"]),
        _joined(point["with_echo_ms"]),
        " / ".join(f"{slower:+g}" for slower in point["echo_ms"]),
    ]


def _joined(values: Sequence[float] | None) -> str:
    return "–" if values is None else " / ".join(map(str, values))
