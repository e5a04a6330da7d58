"""What documenting a definition takes, and what comes of it where it cannot be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Write = Callable[[str, str], Awaitable[str]]
"""Prefix and suffix → the text between, of which the first line counts. It may raise what its model
raises, and is cancelled with the task that awaits it.
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is changed, as a sentence for the user."""

    reason: str
