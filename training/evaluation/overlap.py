"""How much of the benchmarks' text the training data holds."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training.corpus.build import Document
from training.evaluation.tasks import (
    HUMAN_EVAL_FILE,
    RANDOM_SPAN_FILE,
    SINGLE_LINE_FILE,
    read_records,
)

WORDS = re.compile(r"\w+|[^\w\s]")
GRAM = 10
SAMPLE_SHOWN = 5

Gram = tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """Shared 10-grams of words and punctuation marks, and some of them."""

    benchmark_grams: int
    shared_grams: int
    problems: int
    problems_touched: int
    examples: tuple[str, ...]

    @property
    def share(self) -> float:
        return self.shared_grams / max(1, self.benchmark_grams)


def grams(text: str) -> Iterator[Gram]:
    """Every run of ten words or punctuation marks."""
    words = WORDS.findall(text)
    return zip(*(words[start:] for start in range(GRAM)), strict=False)


def benchmark_texts(folder: Path) -> dict[str, str]:
    """The text of every problem of the benchmark files: prompts, solutions and tests."""
    texts: dict[str, str] = {}
    for name in (HUMAN_EVAL_FILE, SINGLE_LINE_FILE, RANDOM_SPAN_FILE):
        for record in read_records(folder / name):
            parts = (record["prompt"], record["canonical_solution"], record.get("suffix", ""))
            key = re.search(r"HumanEval/\d+", record["task_id"])
            problem = key[0] if key else record["task_id"]
            texts[problem] = texts.get(problem, record["test"]) + "\n" + "".join(parts)
    return texts


def measure_overlap(documents: Iterable[Document], texts: dict[str, str]) -> Overlap:
    """Look every 10-gram of `texts` up in the training documents."""
    by_problem = {problem: set(grams(text)) for problem, text in texts.items()}
    wanted = set[Gram]().union(*by_problem.values())
    shared: set[Gram] = set()
    for document in documents:
        shared.update(gram for gram in grams(document.text) if gram in wanted)
    return Overlap(
        benchmark_grams=len(wanted),
        shared_grams=len(shared),
        problems=len(by_problem),
        problems_touched=sum(not shared.isdisjoint(found) for found in by_problem.values()),
        examples=tuple(" ".join(gram) for gram in sorted(shared)[:SAMPLE_SHOWN]),
    )
