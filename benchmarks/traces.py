"""Editing traces: every change that a person made to a file, one after the other.

Format of https://github.com/josephg/editing-traces: `{startContent, endContent, txns: [{time,
patches: [[position, number deleted, "inserted"], …]}]}`; positions count code points, and the
patches of one txn are in descending position, so that none moves another.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from lsp_server.source_text import SourceText

SHORTEST_PAUSE_S = 0.1
"""Between two changes whose times are the same."""


class Place(StrEnum):
    """Where a typed character stands to the change before it."""

    ON = "typed on"
    """Directly behind the last typed character."""
    AFTER_CHANGE = "after another change"
    """Where something was just deleted, pasted or replaced."""
    ELSEWHERE = "somewhere else"
    """The cursor was moved, which no edit tells of."""


class Patch(NamedTuple):
    """Delete some characters at a position, then insert there."""

    position: int
    num_deleted: int
    inserted: str


Transaction = tuple[Patch, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """What somebody did to a file. Applying all transactions to `start` gives `end`.

    pauses_s: how long the person waited after each transaction; empty where nobody took the time.
    """

    name: str
    start: str
    end: str
    transactions: tuple[Transaction, ...]
    pauses_s: tuple[float, ...] = ()

    @property
    def num_typed(self) -> int:
        """How many characters were typed one by one."""
        return sum(typed_cursor(transaction) is not None for transaction in self.transactions)


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction with the text before and after it, and the pause that follows."""

    transaction: Transaction
    before: SourceText
    after: SourceText
    pause_s: float = SHORTEST_PAUSE_S

    @property
    def cursor(self) -> int | None:
        """The offset behind a typed character; None when something else was done."""
        return typed_cursor(self.transaction)

    @property
    def end(self) -> int:
        """Where an editor's cursor usually stands afterwards; see change_end."""
        return change_end(self.transaction)


def typed_cursor(transaction: Transaction) -> int | None:
    """The offset behind a typed character; None when something else was done."""
    if len(transaction) != 1:
        return None
    position, num_deleted, inserted = transaction[0]
    return position + 1 if num_deleted == 0 and len(inserted) == 1 else None


def change_end(transaction: Transaction) -> int:
    """The offset at which the first patch (the last one in the text) ends afterwards."""
    position, _, inserted = transaction[0]
    shift = sum(len(patch.inserted) - patch.num_deleted for patch in transaction[1:])
    return position + len(inserted) + shift


def places(trace: Trace) -> list[Place]:
    """Where each typed character stands to the change before it."""
    found = []
    before: Transaction | None = None
    for transaction in trace.transactions:
        if typed_cursor(transaction) is not None:
            found.append(_place(before, transaction))
        before = transaction
    return found


def _place(before: Transaction | None, typed: Transaction) -> Place:
    if before is None or change_end(before) != typed[0].position:
        return Place.ELSEWHERE
    return Place.ON if typed_cursor(before) is not None else Place.AFTER_CHANGE


def read_trace(path: Path) -> Trace:
    """Read a trace, `.json` or `.json.gz`. Raises OSError, and ValueError for another format."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    name = path.name.removesuffix(".gz").removesuffix(".json")
    try:
        return _parse(name, json.loads(content))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not an editing trace: {error!r}") from error


def replay(trace: Trace) -> Iterator[Step]:
    """Do what the trace says, step by step. Raises ValueError if that does not end as it should."""
    text = SourceText.of(trace.start)
    pauses = trace.pauses_s or (SHORTEST_PAUSE_S,) * len(trace.transactions)
    for transaction, pause_s in zip(trace.transactions, pauses, strict=True):
        before = text
        for position, num_deleted, inserted in transaction:
            if position + num_deleted > len(text):
                raise ValueError(f"{trace.name}: a patch lies behind the end of the text")
            text = text.replaced(position, position + num_deleted, inserted)
        yield Step(transaction, before, text, pause_s)
    if str(text) != trace.end:
        raise ValueError(f"{trace.name}: the edits do not lead to endContent")


def _parse(name: str, raw: dict[str, Any]) -> Trace:
    transactions = tuple(
        tuple(
            Patch(int(at), int(num_deleted), str(inserted))
            for at, num_deleted, inserted in txn["patches"]
        )
        for txn in raw["txns"]
    )
    times = [txn["time"] for txn in raw["txns"] if "time" in txn]
    pauses = pauses_between(times) if len(times) == len(transactions) else ()
    return Trace(name, str(raw["startContent"]), str(raw["endContent"]), transactions, pauses)


def pauses_between(times: Sequence[str]) -> tuple[float, ...]:
    """Seconds from each time (ISO 8601) to the next, at least SHORTEST_PAUSE_S where two are equal.

    Where all times are whole seconds, a second less: two changes may be that much closer than
    their times say. What follows the last is the shortest pause.
    """
    moments = [datetime.fromisoformat(time) for time in times]
    is_coarse = not any(moment.microsecond for moment in moments)
    pauses = []
    for earlier, later in pairwise(moments):
        sure = (later - earlier).total_seconds() - is_coarse
        is_short = is_coarse or later <= earlier
        pauses.append(max(sure, SHORTEST_PAUSE_S) if is_short else sure)
    return (*pauses, SHORTEST_PAUSE_S) if moments else ()
