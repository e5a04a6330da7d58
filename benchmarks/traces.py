"""Editing traces: every change that a person made to a file, one after the other.

Format of https://github.com/josephg/editing-traces: `{startContent, endContent, txns: [{time,
patches: [[position, number deleted, "inserted"], …]}]}`; positions count code points, and the
patches of one txn are in descending position, so that none moves another.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lsp_server.source_text import SourceText


class Patch(NamedTuple):
    """Delete some characters at a position, then insert there."""

    position: int
    num_deleted: int
    inserted: str


Transaction = tuple[Patch, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """What somebody did to a file. Applying all transactions to `start` gives `end`."""

    name: str
    start: str
    end: str
    transactions: tuple[Transaction, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction with the text before and after it."""

    transaction: Transaction
    before: SourceText
    after: SourceText

    @property
    def cursor(self) -> int | None:
        """The offset behind a typed character; None when something else was done."""
        if len(self.transaction) != 1:
            return None
        position, num_deleted, inserted = self.transaction[0]
        return position + 1 if num_deleted == 0 and len(inserted) == 1 else None


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
    for transaction in trace.transactions:
        before = text
        for position, num_deleted, inserted in transaction:
            if position + num_deleted > len(text):
                raise ValueError(f"{trace.name}: a patch lies behind the end of the text")
            text = text.replaced(position, position + num_deleted, inserted)
        yield Step(transaction, before, text)
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
    return Trace(name, str(raw["startContent"]), str(raw["endContent"]), transactions)
