"""Time one-character changes to a large file: `python benchmarks/didchange.py [--lines N]`.

Each `textDocument/didChange` goes through a whole server, from the bytes of the message to the new
document. Times are the CPU's, which a busy machine does not change much.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time

from lsp_server.server import daemon_runtime, make_server
from lsp_server.settings import Settings

URI = "file:///large.py"


def message(method: str, **params: object) -> bytes:
    """Encode a message; only `initialize` asks for an answer."""
    body: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
    if method == "initialize":
        body["id"] = 1
    return json.dumps(body).encode()


def insertion(line: int, version: int) -> bytes:
    """Encode the notification that inserts one character."""
    at = {"line": line, "character": 4}
    change = {"range": {"start": at, "end": at}, "text": "x"}
    identifier = {"uri": URI, "version": version}
    return message("textDocument/didChange", textDocument=identifier, contentChanges=[change])


class Nowhere:
    """Takes the server's answers."""

    def write(self, data: bytes) -> None:
        """Forget `data`."""

    def close(self) -> None:
        """Do nothing."""


async def measure(text: str, lines: list[int]) -> list[float]:
    """Return the milliseconds of each change."""
    server = make_server(daemon_runtime, Settings(warm_up=False))
    server.protocol.set_writer(Nowhere())
    server.protocol.receive(message("initialize", capabilities={}))
    document = {"uri": URI, "languageId": "python", "version": 0, "text": text}
    server.protocol.receive(message("textDocument/didOpen", textDocument=document))
    times = []
    for version, line in enumerate(lines, 1):
        body = insertion(line, version)
        start = time.thread_time()
        server.protocol.receive(body)
        times.append(1e3 * (time.thread_time() - start))
    changed = server.documents.snapshot(URI)
    assert changed is not None
    assert len(changed.text) == len(text) + len(lines)
    return times[10:]  # the first ones write the converter's code


def main() -> None:
    """Print the time of a change at several places of two files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    num_lines = parser.parse_args().lines
    plain = "".join(f"    v{n} = compute(v{n - 1}, {n})\n" for n in range(num_lines))
    rng = random.Random(7)
    for name, text in (("ASCII", plain), ("with emoji", plain.replace("compute", "compute_😋"))):
        for where, lines in (
            ("first line", [0] * 500),
            ("middle line", [num_lines // 2] * 500),
            ("random lines", [rng.randrange(num_lines) for _ in range(500)]),
        ):
            times = sorted(asyncio.run(measure(text, lines)))
            median, p99 = statistics.median(times), times[int(0.99 * len(times))]
            sys.stdout.write(
                f"{name:<11} {len(text) / 1e3:.0f} k characters, {where:<12}"
                f" p50 {median:.3f} ms  p99 {p99:.3f} ms\n"
            )


if __name__ == "__main__":
    main()
