"""Time from starting `fimbria lsp` to its answer to `initialize`.

`python benchmarks/startup.py [--runs N]` prints wall time and, because a busy machine says little
about the program, the CPU time of all the server's threads until then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

BODY = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
).encode()


def start_once() -> tuple[float, float]:
    """Return wall and CPU milliseconds of one start."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "lsp_server", "lsp", "--warm-up", "false"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
        process.stdin.flush()
        process.stdout.readline()
        wall = time.perf_counter() - begin
        cpu = _cpu_seconds(process.pid)
        process.kill()
    return 1e3 * wall, 1e3 * cpu


def _cpu_seconds(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in tasks) / 1e9


def main() -> None:
    """Print the best and the median of some starts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = [start_once() for _ in range(parser.parse_args().runs)]
    for name, times in zip(("wall", "CPU"), zip(*runs, strict=True), strict=True):
        best, median = min(times), statistics.median(times)
        sys.stdout.write(f"{name:<4} best {best:.0f} ms, median {median:.0f} ms\n")


if __name__ == "__main__":
    main()
