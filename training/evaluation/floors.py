"""What can be had without a model: every result stands beside these."""

import re
from collections import Counter

from training.evaluation.tasks import Item
from training.fim import Hole

SHORTEST_SHARED_END = 3
LONGEST_SHARED_END = 12
FOLLOWS_SAME_LINE = 3

# HumanEval single-line infilling, exact match of a 4-gram model of the standard library with
# a cache of the prompt: measured once, not part of this project.
FOUR_GRAM_EXACT_MATCH = 0.012


def lookup_rest_of_line(hole: Hole) -> str:
    """Complete a line from the other lines of the same file.

    A line that starts with what is typed wins, the more so when it follows the same line;
    else whatever follows the longest end of the typed text elsewhere in the file.
    """
    *above, typed = (line.strip() for line in hole.prefix.split("\n"))
    below = [line.strip() for line in hole.suffix.split("\n")]
    previous = next((line for line in reversed(above) if line), "")
    lines = [line for line in [*above, *below] if line]
    votes = _votes(lines, typed, previous)
    if votes:
        return votes.most_common(1)[0][0][len(typed) :]
    return _after_shared_end(lines, typed)


def _votes(lines: list[str], typed: str, previous: str) -> Counter[str]:
    """Lines that begin with `typed`, weighted by how well their place fits."""
    votes = Counter[str]()
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith(typed) and len(line) > len(typed):
            votes[line] += FOLLOWS_SAME_LINE if before == previous else 1
    if len(typed) < 2:
        return Counter({line: n for line, n in votes.items() if n >= FOLLOWS_SAME_LINE})
    return votes


def _after_shared_end(lines: list[str], typed: str) -> str:
    for length in range(min(LONGEST_SHARED_END, len(typed)), SHORTEST_SHARED_END - 1, -1):
        end = re.escape(typed[-length:])
        rests = [match[1] for line in lines if (match := re.search(f"{end}(.*)", line))]
        if rests:
            return Counter(rests).most_common(1)[0][0]
    return ""


def copyable(item: Item) -> bool:
    """Whether an oracle could copy the right line from elsewhere in the program."""
    lines = f"{item.hole.prefix}\n{item.hole.suffix}".split("\n")
    return item.hole.middle.strip() in map(str.strip, lines)
