"""A Neovim on the other end of two pipes, and the screen that it draws there."""

from __future__ import annotations

import itertools
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]

PATIENCE_S = 30.0
"""How long Neovim may take on a busy machine; most things take milliseconds."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the screen; the right half of a wide character has no text."""

    text: str
    attributes: Mapping[str, Any]


class Screen:
    """What Neovim has drawn, from the events that it sends to a user interface (`:help ui`)."""

    def __init__(self, columns: int, rows: int) -> None:
        self.cursor = (0, 0)
        self._drawn: list[list[tuple[str, int]]] = [[(" ", 0)] * columns for _ in range(rows)]
        self._attributes: dict[int, Mapping[str, Any]] = {}

    def cells(self) -> list[list[Cell]]:
        """Return the rows of cells, with the colours that they have now."""
        return [
            [Cell(text, self._attributes.get(number, {})) for text, number in row]
            for row in self._drawn
        ]

    def draw(self, events: Sequence[Sequence[Any]]) -> None:
        """Apply the events of one `redraw` notification."""
        for name, *calls in events:
            handler = getattr(self, f"_on_{name}", self._ignore)
            for arguments in calls:
                handler(*arguments)

    def _ignore(self, *_: object) -> None:
        """Events that change nothing that the tests look at."""

    def _on_hl_attr_define(
        self, number: int, attributes: Mapping[str, Any], _cterm: object, _info: object
    ) -> None:
        self._attributes[number] = attributes

    def _on_grid_clear(self, _grid: int) -> None:
        self._drawn = [[(" ", 0)] * len(row) for row in self._drawn]

    def _on_grid_cursor_goto(self, _grid: int, row: int, column: int) -> None:
        self.cursor = (row, column)

    def _on_grid_line(
        self, _grid: int, row: int, column: int, runs: Sequence[Sequence[Any]], *_: object
    ) -> None:
        number = 0
        for text, *rest in runs:
            # Without a number the highlight stays; without a count the text stands once.
            number = rest[0] if rest else number
            count = rest[1] if rest[1:] else 1
            self._drawn[row][column : column + count] = [(text, number)] * count
            column += count

    def _on_grid_scroll(
        self, _grid: int, top: int, bottom: int, left: int, right: int, rows: int, _columns: int
    ) -> None:
        before = [row[left:right] for row in self._drawn]
        for row in range(max(top, top - rows), min(bottom, bottom - rows)):
            self._drawn[row][left:right] = before[row + rows]


class EmbeddedNeovim:
    """Calls to a Neovim started with `--embed`, each with a deadline, and its screen.

    Neovim answers nothing while it waits for a key (after a long message, say): a test must then
    fail with a reason, and not hang.
    """

    def __init__(self, command: Sequence[str], columns: int, rows: int) -> None:
        self.screen = Screen(columns, rows)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._unpacker = msgpack.Unpacker(unicode_errors="replace", strict_map_key=False)
        self._ids = itertools.count()

    def call(self, method: str, *arguments: object) -> Any:
        """Call a function of Neovim's API and return its result."""
        assert self._process.stdin
        call_id = next(self._ids)
        self._process.stdin.write(msgpack.packb([0, call_id, method, arguments]))
        deadline = time.monotonic() + PATIENCE_S
        answer = None
        while answer is None:
            # All that was received, also behind the answer: it tells what has been drawn.
            for kind, *message in self._receive(deadline):
                if kind == 2 and message[0] == "redraw":
                    self.screen.draw(message[1])
                elif kind == 1 and message[0] == call_id:
                    answer = message
        _, error, result = answer
        assert error is None, f"{method}: {error}"
        return result

    def watch(self, until: float) -> None:
        """Take in what Neovim draws until a time of `time.monotonic`, and ask it nothing."""
        assert self._process.stdout
        while (remaining := until - time.monotonic()) > 0:
            if select.select([self._process.stdout], [], [], remaining)[0]:
                for kind, *message in self._receive(until + PATIENCE_S):
                    if kind == 2 and message[0] == "redraw":
                        self.screen.draw(message[1])

    def _receive(self, deadline: float) -> Sequence[Any]:
        assert self._process.stdout
        patience = max(0.0, deadline - time.monotonic())
        if not select.select([self._process.stdout], [], [], patience)[0]:
            raise AssertionError("Neovim does not answer; does it wait for a key?")
        received = os.read(self._process.stdout.fileno(), 1 << 16)
        if not received:
            raise EOFError("Neovim has ended")
        self._unpacker.feed(received)
        return list(self._unpacker)

    def close(self) -> None:
        """End Neovim as closing its terminal does, else by force."""
        with self._process as process:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
