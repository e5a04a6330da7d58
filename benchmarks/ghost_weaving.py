"""Typed by the ghost benchmark, and nothing else: a text that no model can have learned by heart,
about something that little code is about. A loom lifts shafts of threads at each pick of the weft.
"""

from __future__ import annotations

from dataclasses import dataclass

RISER, SINKER = "#", "."
MOTH_EATEN = 3


@dataclass(frozen=True, slots=True)
class Draft:
    """How a loom is dressed. entering: each warp end's shaft; lifts: each treadle's shafts."""

    entering: tuple[int, ...]
    lifts: tuple[frozenset[int], ...]

    def drawdown(self, picks: int) -> list[str]:
        """The cloth, a row per pick, trodden straight through."""
        return [self._row(self.lifts[pick % len(self.lifts)]) for pick in range(picks)]

    def _row(self, raised: frozenset[int]) -> str:
        return "".join(RISER if shaft in raised else SINKER for shaft in self.entering)

    def longest_float(self, picks: int) -> int:
        """How many picks a warp end skips at most; a fingernail catches in anything over five."""
        worst = 0
        for end, shaft in enumerate(self.entering):
            skipped = hung = 0
            for treadle in (self.lifts[pick % len(self.lifts)] for pick in range(picks)):
                hung = 0 if shaft in treadle else hung + 1
                skipped = max(skipped, hung)
            # A selvedge end turns with the shuttle: half of its float lies hidden.
            worst = max(worst, skipped // 2 if end in (0, len(self.entering) - 1) else skipped)
        return worst

    def is_sound(self, picks: int) -> bool:
        """Whether moths and rings leave the cloth in one piece."""
        return self.longest_float(picks) <= MOTH_EATEN
