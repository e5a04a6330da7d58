"""Time one-character changes to a large file: `python benchmarks/didchange.py [--lines N]`.

Each change goes the way of a real `textDocument/didChange` notification behind the transport: JSON
→ protocol types → edits → new document.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time

from lsprotocol.converters import get_converter

from lsp_server.convert import edits_from_lsp
from lsp_server.documents import DocumentStore
from lsp_server.lean_types import types
from lsp_server.positions import PositionEncoding

URI = "file:///large.py"


def message(line: int, character: int, version: int) -> bytes:
    """Encode the notification that inserts one character."""
    at = {"line": line, "character": character}
    change = {"range": {"start": at, "end": at}, "text": "x"}
    params = {"textDocument": {"uri": URI, "version": version}, "contentChanges": [change]}
    body = {"jsonrpc": "2.0", "method": types.TEXT_DOCUMENT_DID_CHANGE, "params": params}
    return json.dumps(body).encode()


def measure(text: str, lines: list[int]) -> list[float]:
    """Return the milliseconds of each change."""
    store, converter = DocumentStore(), get_converter()
    store.open(URI, "python", 0, text)
    times = []
    for version, line in enumerate(lines, 1):
        body = message(line, 4, version)
        start = time.perf_counter()
        structured = converter.structure(json.loads(body), types.DidChangeTextDocumentNotification)
        edits = edits_from_lsp(structured.params.content_changes)
        store.change(URI, version, edits, PositionEncoding.UTF16)
        times.append(1e3 * (time.perf_counter() - start))
    return times[10:]  # the first ones write the converter's code


def main() -> None:
    """Print the time of a change at several places of two files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    num_lines = parser.parse_args().lines
    plain = "".join(f"    value_{n} = compute(value_{n - 1}, {n})\n" for n in range(num_lines))
    rng = random.Random(7)
    for name, text in (("ASCII", plain), ("with emoji", plain.replace("compute", "compute_😋"))):
        for where, lines in (
            ("first line", [0] * 500),
            ("middle line", [num_lines // 2] * 500),
            ("random lines", [rng.randrange(num_lines) for _ in range(500)]),
        ):
            times = sorted(measure(text, lines))
            median, p99 = statistics.median(times), times[int(0.99 * len(times))]
            sys.stdout.write(
                f"{name:<11} {len(text) / 1e3:.0f} k characters, {where:<12}"
                f" p50 {median:.3f} ms  p99 {p99:.3f} ms\n"
            )


if __name__ == "__main__":
    main()
