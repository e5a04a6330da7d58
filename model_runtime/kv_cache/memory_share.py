"""What `--kv-memory` asks for. Torch-free, so that a settings file can be checked with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from model_runtime.api import RuntimeFailure

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[kmgt]i?b?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """What `--kv-memory` asks for: so many bytes, or a part of what is free. Neither means that the
    device decides. reserved: bytes that do not count as free.
    """

    num_bytes: int | None = None
    fraction: float | None = None
    reserved: int = 0

    def of(self, free: int, default: float) -> int:
        """Bytes to take where `free` are free; never more. default: the fraction if nothing was
        asked for.
        """
        free = max(0, free - self.reserved)
        if self.num_bytes is not None:
            return min(self.num_bytes, free)
        return int(free * (default if self.fraction is None else self.fraction))


def parse_memory(text: str) -> MemoryShare:
    """Read `auto`, a part of the free memory (`50%`) or an amount (`4GiB`, `512MB`; `4G` means
    GiB). Raises RuntimeFailure for anything else.
    """
    words = text.strip()
    if words.lower() == "auto":
        return MemoryShare()
    match = _AMOUNT.fullmatch(words)
    if match is None or float(match[1]) == 0:
        raise _unreadable(text)
    amount, unit = float(match[1]), match[2].lower()
    if unit != "%":
        return MemoryShare(num_bytes=int(amount * _unit_bytes(unit)))
    if amount > 100:
        raise _unreadable(text)
    return MemoryShare(fraction=amount / 100)


def _unit_bytes(unit: str) -> int:
    power = "kmgt".index(unit[0]) + 1
    base = 1000 if unit[1:] == "b" else 1024
    num_bytes: int = base**power
    return num_bytes


def _unreadable(text: str) -> RuntimeFailure:
    return RuntimeFailure(
        f"{text!r} is no amount of memory for the KV cache.",
        "Use auto, an amount such as 4GiB or 512MB, or a part of what is free, such as 50%.",
    )
