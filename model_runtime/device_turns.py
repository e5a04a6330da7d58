"""Lets several engines share one device, a step at a time. Torch-free."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from model_runtime.api import Priority

PATIENCE_S = 0.5
"""After so long an engine gets a step whatever the others do: a chat is slow beside somebody who
types, and does not stand still.
"""

_RANK = {priority: rank for rank, priority in enumerate(Priority)}


@dataclass(eq=False, slots=True)
class Place:
    """An engine's place among those that share a device.

    priority: of the most urgent work that it is in the middle of; None while it has none.
    asked_at: since when it waits for a step.
    """

    priority: Priority | None = None
    asked_at: float | None = None


class DeviceTurns:
    """Whose step is computed next: one at a time, and none while an engine with more urgent work is
    in the middle of it. May be used from any thread.
    """

    def __init__(
        self, patience_s: float = PATIENCE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._changed = threading.Condition()
        self._places: list[Place] = []
        self._stepping: Place | None = None

    def join(self) -> Place:
        """A place for one more engine."""
        with self._changed:
            self._places.append(place := Place())
            return place

    @contextmanager
    def step(self, place: Place, priority: Priority) -> Iterator[None]:
        """A context in which a step may be computed; entering waits for it, but not for ever.
        Until `rest` the engine counts as being in the middle of work of this priority.
        """
        with self._changed:
            place.priority, place.asked_at = priority, self._clock()
            while not self._may_step(place):
                self._changed.wait(self._until_overdue(place))
            self._stepping, place.asked_at = place, None
        try:
            yield
        finally:
            with self._changed:
                self._stepping = None
                self._changed.notify_all()

    def hurry(self, place: Place, priority: Priority) -> None:
        """Say that more urgent work has come up: an engine that waits for a step of what is less
        urgent must not keep it waiting, too.
        """
        with self._changed:
            waits_for = place.priority if place.asked_at is not None else None
            if waits_for is not None and _RANK[priority] < _RANK[waits_for]:
                place.priority = priority
                self._changed.notify_all()

    def rest(self, place: Place) -> None:
        """Say that an engine has nothing to compute now."""
        with self._changed:
            if place.priority is not None:
                place.priority = None
                self._changed.notify_all()

    def leave(self, place: Place) -> None:
        """Give a place up."""
        self.rest(place)
        with self._changed:
            self._places.remove(place)

    def _may_step(self, place: Place) -> bool:
        others = [other for other in self._places if other is not place]
        return self._stepping is None and not any(self._goes_first(o, place) for o in others)

    def _goes_first(self, other: Place, place: Place) -> bool:
        """Whether `place` has to wait for `other`: also between two of its steps."""
        if other.priority is None or place.priority is None:
            return False
        waits_longer = other.asked_at is not None and other.asked_at < (place.asked_at or 0.0)
        if self._is_overdue(other) or self._is_overdue(place):
            return waits_longer and self._is_overdue(other)
        if other.priority is place.priority:
            return waits_longer
        return _RANK[other.priority] < _RANK[place.priority]

    def _is_overdue(self, place: Place) -> bool:
        asked_at = place.asked_at
        return asked_at is not None and self._clock() - asked_at >= self._patience_s

    def _until_overdue(self, place: Place) -> float | None:
        """Seconds to wait at most; None where only another's step has to end."""
        assert place.asked_at is not None
        left = place.asked_at + self._patience_s - self._clock()
        return left if left > 0 else None
