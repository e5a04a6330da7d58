"""From a key to ghost text on the drawn screen, in a real editor with the starter model.

`python -m benchmarks.ghost [--editor neovim|vscode] [--delays 60 150 800] [--lines N] [--seconds S]
[--out FOLDER]` types a part of each text into the editor, once at each pace, with the plugin and
without, and prints tables. The editors are those that the tests fetch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from benchmarks.ghost_keys import Key, Typist, keys_of
from benchmarks.ghost_neovim import neovim_typist
from benchmarks.ghost_report import figures, ghost_markdown
from benchmarks.ghost_text import SOURCES, Sample, daemon_of_its_own, sample
from benchmarks.ghost_vscode import vscode_typist
from benchmarks.machine import machine
from benchmarks.report import write_pair

NUM_LINES = 12
SECONDS = 12.0


class EditorOf(Protocol):
    """Gives a typist who has an editor with the plugin or without it."""

    def __call__(
        self, sample: Sample, environment: Mapping[str, str], *, with_plugin: bool
    ) -> AbstractContextManager[Typist]: ...


EDITORS: Mapping[str, EditorOf] = {"neovim": neovim_typist, "vscode": vscode_typist}


def main() -> None:
    """Measure, print, and write the results if a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--editor", choices=EDITORS, default="neovim")
    parser.add_argument("--delays", type=float, nargs="+", default=[60, 150, 800], metavar="MS")
    parser.add_argument("--lines", type=int, default=NUM_LINES, metavar="N")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="how long to type each time, at most"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    config = {
        **machine(),
        "editor": arguments.editor,
        "model": "starter",
        "dtype": "float32",
        "device": "cpu",
        "threads": os.cpu_count() or 1,
        "sources": [source.name for source in SOURCES],
    }
    texts = [
        sample(source.name, source.read_text(encoding="utf-8"), arguments.lines)
        for source in SOURCES
    ]
    points = measured(EDITORS[arguments.editor], texts, arguments.delays, arguments.seconds)
    result = {"config": config, "points": points}
    page = ghost_markdown(result)
    sys.stdout.write(page)
    if arguments.out:
        stem = arguments.out / f"{config['date']}-ghost-{arguments.editor}"
        write_pair(stem, page, json.dumps(result, indent=1))


def measured(
    editor: EditorOf, texts: Sequence[Sample], delays_ms: Sequence[float], seconds: float
) -> list[dict[str, object]]:
    """One point for each text and pace. Every other text is typed with the plugin first, so that
    what changes on the machine meanwhile is not taken for the plugin's doing.
    """
    with daemon_of_its_own() as environment:
        return [
            point
            for number, text in enumerate(texts)
            for point in _points(
                editor, text, environment, delays_ms, seconds, is_plugin_first=number % 2 == 1
            )
        ]


def _points(
    editor: EditorOf,
    text: Sample,
    environment: Mapping[str, str],
    delays_ms: Sequence[float],
    seconds: float,
    *,
    is_plugin_first: bool,
) -> list[dict[str, object]]:
    runs = {
        with_plugin: _typed(
            editor(text, environment, with_plugin=with_plugin), text, delays_ms, seconds
        )
        for with_plugin in (is_plugin_first, not is_plugin_first)
    }
    about = {"text": text.name, "is_plugin_first": is_plugin_first}
    return [
        {**about, **figures(pace, ours, without), "keys": [asdict(key) for key in ours]}
        for pace, ours, without in zip(delays_ms, runs[True], runs[False], strict=True)
    ]


def _typed(
    typist: AbstractContextManager[Typist], text: Sample, delays_ms: Sequence[float], seconds: float
) -> list[list[Key]]:
    """What the keys led to at each pace."""
    keys = list(keys_of(text.typed))
    with typist as type_anew:
        return [
            type_anew(keys[: max(1, int(1000 * seconds / delay_ms))], delay_ms)
            for delay_ms in delays_ms
        ]


if __name__ == "__main__":
    main()
