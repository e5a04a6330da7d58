"""What is computed next: priorities, newest wins, one prefill at a time. Torch-free.

Not thread-safe: the engine guards it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from model_runtime.api import Priority
from model_runtime.sequence import Sequence, supersedes


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step: whose candidates get their next tokens, and whose prompt is computed on."""

    decoding: tuple[Sequence, ...]
    prefilling: Sequence | None

    def sequences(self) -> tuple[Sequence, ...]:
        """All that take part."""
        return (*self.decoding, *([self.prefilling] if self.prefilling else []))

    @property
    def priority(self) -> Priority:
        """The most urgent one of all that take part."""
        given = {sequence.request.priority for sequence in self.sequences()}
        return next((priority for priority in Priority if priority in given), Priority.IDLE)


@dataclass(slots=True)
class Scheduler:
    """waiting: no slot yet. running: with a slot. most_rows: candidates that may decode together.
    Where company slows everybody down, a few answers in time are worth more than many too late.
    """

    most_rows: int = 1
    waiting: list[Sequence] = field(default_factory=list)
    running: list[Sequence] = field(default_factory=list)

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence; abort the ones that it makes worthless."""
        for older in self.all():
            if supersedes(sequence, older):
                older.aborted.set()
        self.waiting.append(sequence)

    def all(self) -> list[Sequence]:
        return [*self.running, *self.waiting]

    def next_waiting(self) -> Sequence | None:
        """The sequence to give a slot to; an idle one only while nothing else is there, and none
        that would make too many of its priority and those before it.
        """
        first = min(self.waiting, key=lambda sequence: sequence.rank, default=None)
        if first is None or (first.is_idle and self._has_real_work()):
            return None
        rows = self._rows_up_to(first.request.priority)
        if rows and rows + first.request.num_candidates > self.most_rows:
            return None
        return first

    def start(self, sequence: Sequence) -> None:
        """Move a sequence from waiting to running."""
        self.waiting.remove(sequence)
        self.running.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence that has ended."""
        for group in (self.waiting, self.running):
            if sequence in group:
                group.remove(sequence)

    def plan(self) -> Plan:
        """Choose what the next step computes.

        All that decode do so together, which costs little more than one; but while the prompt of a
        completion is computed nothing of lower priority makes that step longer.
        """
        ordered = sorted(self.running, key=lambda sequence: sequence.rank)
        if self._has_real_work():
            ordered = [sequence for sequence in ordered if not sequence.is_idle]
        prefilling = next((sequence for sequence in ordered if sequence.prefilling), None)
        decoding = [sequence for sequence in ordered if not sequence.prefilling]
        if prefilling and prefilling.request.priority is Priority.COMPLETION:
            decoding = [s for s in decoding if s.request.priority is Priority.COMPLETION]
        return Plan(tuple(decoding), prefilling)

    def _rows_up_to(self, priority: Priority) -> int:
        """Candidates of running sequences that are as urgent or more."""
        urgent = list(Priority)[: list(Priority).index(priority) + 1]
        return sum(
            sequence.request.num_candidates
            for sequence in self.running
            if sequence.request.priority in urgent
        )

    def _has_real_work(self) -> bool:
        return any(not sequence.is_idle for sequence in self.all())
