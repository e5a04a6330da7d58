"""Waiting for what an editor does, and not for time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until_within(patience_s: float, pause_s: float, condition: Callable[[], T], what: str) -> T:
    """Return the first true value of `condition`, which is looked at every `pause_s`; fail with
    `what` was expected.
    """
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s:.0f} s: {what}")
        time.sleep(pause_s)
