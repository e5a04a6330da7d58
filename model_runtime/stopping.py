"""From token bytes to the text that may be shown: whole characters, and never a part of a stop
string. Torch-free.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextAssembler:
    """Turns a stream of token bytes into text.

    healed: bytes that are expected first and are not part of the answer (see healing.py).
    stops: the text ends before the first of these; what could still become one is held back.
    """

    def __init__(self, stops: Sequence[str] = (), healed: bytes = b"") -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self._to_skip = len(healed)
        self.stopped = False

    @property
    def num_held(self) -> int:
        """Characters that are held back."""
        return len(self._held)

    def push(self, piece: bytes) -> str:
        """Take the next token's bytes, return the text that is now certain: none once `stopped`."""
        if self.stopped:
            return ""
        skipped = min(self._to_skip, len(piece))
        self._to_skip -= skipped
        self._held += self._decoder.decode(piece[skipped:])
        return self._release()

    def flush(self) -> str:
        """The text held back so far; for when no more tokens come. A character whose last bytes
        never came is left out.
        """
        rest, self._held = self._held, ""
        return "" if self.stopped else rest

    def _release(self) -> str:
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._held[: min(found)]
        end = len(self._held) - self._partial_stop_len()
        released, self._held = self._held[:end], self._held[end:]
        return released

    def _partial_stop_len(self) -> int:
        longest = max(map(len, self._stops), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-size:]) for stop in self._stops):
                return size
        return 0
