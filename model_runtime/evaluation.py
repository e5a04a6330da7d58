"""How answers to infilling tasks compare with the right ones, and with published figures."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model_runtime.api import Layout
from model_runtime.evaluation_items import Benchmark, Item

_BOOTSTRAP_ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote. shown: what of it an editor would show; ended: the model ended it, not
    the limit.
    """

    text: str
    shown: str
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Shares of the items, from 0 to 1; interval: of exact_match, 95 %, resampled by problem.

    Exact matches disregard blanks at both ends, as the papers do. pass_at_1: None where nothing was
    executed.
    """

    num_items: int
    exact_match: float
    exact_match_interval: tuple[float, float]
    exact_match_as_shown: float
    exact_match_first_line: float
    edit_similarity: float
    edit_similarity_as_shown: float
    ended: float
    pass_at_1: float | None


@dataclass(frozen=True, slots=True)
class Published:
    """A figure to compare with: percent."""

    what: str
    value: float
    source: str


_PASS_SOURCE = "Code Llama paper, table 14: pass@1, greedy"
_EXACT_SOURCE = "Code Llama paper, table 6: exact match, MultiPL-E's Python lines"
# Rozière et al., arXiv 2308.12950.
_PASS_AT_1 = {
    ("7b", Benchmark.SINGLE_LINE): (74.1, 83.3),
    ("7b", Benchmark.MULTI_LINE): (48.2, 50.8),
    ("7b", Benchmark.RANDOM_SPAN): (59.7, 39.0),
    ("13b", Benchmark.SINGLE_LINE): (75.9, 85.6),
    ("13b", Benchmark.MULTI_LINE): (51.0, 56.1),
    ("13b", Benchmark.RANDOM_SPAN): (63.6, 41.9),
}
_EXACT_MATCH = {"7b": (67.6, 72.7), "13b": (68.3, 74.5)}


def published(benchmark: Benchmark | None, layout: Layout) -> list[Published]:
    """Code Llama's figures for a benchmark in a layout; none for others."""
    if benchmark is Benchmark.RANDOM_SPAN_LIGHT:
        benchmark = Benchmark.RANDOM_SPAN
    if benchmark is None or layout not in (Layout.PSM, Layout.SPM):
        return []
    at = 0 if layout is Layout.PSM else 1
    found = [
        Published(f"Code Llama {size.upper()}, pass@1", values[at], _PASS_SOURCE)
        for (size, of), values in _PASS_AT_1.items()
        if of is benchmark
    ]
    if benchmark is Benchmark.SINGLE_LINE:
        found += [
            Published(f"Code Llama {size.upper()}, exact match", values[at], _EXACT_SOURCE)
            for size, values in _EXACT_MATCH.items()
        ]
    return found


def score(
    items: Sequence[Item],
    answers: Sequence[Answer],
    passes: Callable[[str], bool] | None,
    tick: Callable[[], None] = lambda: None,
) -> Score:
    """Add up how answers compare with their items. passes: runs a program; None runs none. tick:
    called after each program.
    """
    pairs = list(zip(items, answers, strict=True))
    exact = [answer.text.strip() == item.middle.strip() for item, answer in pairs]
    return Score(
        num_items=len(pairs),
        exact_match=_share(exact),
        exact_match_interval=interval([item.problem for item in items], exact),
        exact_match_as_shown=_share([_same(answer.shown, item.middle) for item, answer in pairs]),
        exact_match_first_line=_share(
            [_same(first_line(answer.text), item.middle) for item, answer in pairs]
        ),
        edit_similarity=_mean([_similarity(answer.text, item.middle) for item, answer in pairs]),
        edit_similarity_as_shown=_mean(
            [_similarity(answer.shown, item.middle) for item, answer in pairs]
        ),
        ended=_share([answer.ended for answer in answers]),
        pass_at_1=_passed(pairs, passes, tick) if passes else None,
    )


def first_line(text: str) -> str:
    """The part of an answer up to its first line break behind anything visible."""
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


def interval(clusters: Sequence[str], hits: Sequence[bool]) -> tuple[float, float]:
    """A 95 % bootstrap interval of the share of hits, resampling whole clusters; where all clusters
    are alike, so that resampling tells nothing, Wilson's, of as many trials as there are clusters.
    """
    by_cluster: dict[str, list[bool]] = defaultdict(list)
    for cluster, hit in zip(clusters, hits, strict=True):
        by_cluster[cluster].append(hit)
    totals = [(sum(group), len(group)) for group in by_cluster.values()]
    rng = random.Random(0)
    shares = []
    for _ in range(_BOOTSTRAP_ROUNDS):
        drawn = rng.choices(totals, k=len(totals))
        shares.append(sum(hit for hit, _ in drawn) / sum(size for _, size in drawn))
    shares.sort()
    if shares[0] == shares[-1]:
        return _wilson(shares[0], len(totals))
    return shares[int(0.025 * _BOOTSTRAP_ROUNDS)], shares[int(0.975 * _BOOTSTRAP_ROUNDS) - 1]


def _wilson(share: float, trials: int) -> tuple[float, float]:
    """E. B. Wilson's score interval (1927) at 95 %: of use for none and all of a few, too."""
    z = 1.96
    shrunk = 1 + z**2 / trials
    centre = (share + z**2 / (2 * trials)) / shrunk
    half = z / shrunk * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)


def _passed(
    pairs: Sequence[tuple[Item, Answer]],
    passes: Callable[[str], bool],
    tick: Callable[[], None],
) -> float | None:
    """pass@1 of one greedy answer each; None where no item has a test."""
    results = []
    for item, answer in pairs:
        if item.check is not None:
            results.append(passes(f"{item.program(answer.text)}\n{item.check}"))
        tick()
    return _share(results) if results else None


def _same(text: str, middle: str) -> bool:
    return text.strip() == middle.strip()


def _similarity(text: str, middle: str) -> float:
    return edit_similarity(text.strip(), middle.strip())


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / max(1, len(hits))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
