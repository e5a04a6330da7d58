"""Comparing an answer with the right one."""

import ast
import random
import warnings
from collections import defaultdict
from collections.abc import Sequence

BOOTSTRAP_ROUNDS = 1000


def first_line(text: str) -> str:
    """The part of an answer up to its first line break that follows anything visible."""
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    return text if end < 0 else text[:end]


def edit_similarity(first: str, second: str) -> float:
    """1 - Levenshtein distance / length of the longer text."""
    longest = max(len(first), len(second))
    return 1.0 if longest == 0 else 1 - levenshtein(first, second) / longest


def levenshtein(first: str, second: str) -> int:
    """How many characters to insert, delete or replace to get from one text to the other."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def parses(program: str) -> bool:
    """Whether `program` is valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(program)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def clustered_interval(clusters: Sequence[str], hits: Sequence[bool]) -> tuple[float, float]:
    """A 95 % bootstrap interval of the share of hits, resampling whole clusters."""
    by_cluster: dict[str, list[bool]] = defaultdict(list)
    for cluster, hit in zip(clusters, hits, strict=True):
        by_cluster[cluster].append(hit)
    totals = [(sum(group), len(group)) for group in by_cluster.values()]
    rng = random.Random(0)
    shares = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = rng.choices(totals, k=len(totals))
        shares.append(sum(hit for hit, _ in drawn) / sum(size for _, size in drawn))
    shares.sort()
    return shares[int(0.025 * BOOTSTRAP_ROUNDS)], shares[int(0.975 * BOOTSTRAP_ROUNDS) - 1]
