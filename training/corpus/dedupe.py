"""Near-duplicate detection by windows of four non-trivial lines."""

import hashlib
import re

WINDOW_LINES = 4


def line_windows(text: str) -> frozenset[int]:
    """Hashes of every run of four lines, ignoring white space and very short lines."""
    lines = (re.sub(r"\s+", "", line) for line in text.split("\n"))
    kept = [line for line in lines if len(line) > 3]
    starts = range(max(1, len(kept) - WINDOW_LINES + 1))
    return frozenset(_stable_hash("\n".join(kept[i : i + WINDOW_LINES])) for i in starts)


def _stable_hash(text: str) -> int:
    # Python's own hash() differs from run to run; the split must not.
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


class SeenWindows:
    """The windows of the files kept so far."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def share(self, windows: frozenset[int]) -> float:
        """The share of `windows` that was seen before."""
        return len(windows & self._seen) / max(1, len(windows))

    def add(self, windows: frozenset[int]) -> None:
        self._seen |= windows
