"""Training batches: batch number n is a function of the seed and n alone.

So resuming needs to remember one number, and gives the same batches as never having stopped.
"""

import itertools
import random
from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.corpus.build import Document
from training.fim import (
    Encoded,
    Hole,
    cut,
    encode_plain,
    encode_psm,
    encode_spm,
    first_line_only,
)
from training.tokenizer import Tokenizer

# Libraries so large that they would drown everything else.
PACKAGE_WEIGHTS = {
    "torch": 0.35,
    "transformers": 0.35,
    "sympy": 0.3,
    "pygments": 0.3,
    "torchgen": 0.4,
    "mypy": 0.7,
    "networkx": 0.7,
    "mpmath": 0.5,
}
CHARS_PER_TOKEN = 3.4
SMALLEST_DOCUMENT = 48
FAILED_DRAWS = 12


@dataclass(frozen=True)
class Mixture:
    """The shares of the kinds of samples, and what the loss looks at."""

    fim: float = 0.88
    spm: float = 0.76
    split_tokens: float = 0.3
    file_header: float = 0.35
    other_file: float = 0.10
    no_suffix: float = 0.08
    # How often a middle of several lines is ended with its first.
    one_line: float = 0.0
    full_length: float = 0.5
    context_weight: float = 0.5


@dataclass(frozen=True)
class Batch:
    """Rows of token ids, and for each token its weight as a target and its line-end flag."""

    ids: NDArray[np.int64]
    weights: NDArray[np.float32]
    line_ends: NDArray[np.bool_]


class Sampler:
    """Draws documents, cuts them and packs them into batches."""

    def __init__(
        self,
        documents: Sequence[Document],
        tokenizer: Tokenizer,
        mixture: Mixture,
        *,
        seed: int,
        row_len: int,
    ) -> None:
        self._documents = documents
        self._tokenizer = tokenizer
        self._mixture = mixture
        self._seed = seed
        self._row_len = row_len
        sizes = (len(d.text) * PACKAGE_WEIGHTS.get(d.package, 1.0) for d in documents)
        self._cumulated = list(itertools.accumulate(sizes))
        self._by_package: dict[str, list[Document]] = defaultdict(list)
        for document in documents:
            self._by_package[document.package].append(document)

    def batch(self, number: int, num_rows: int) -> Batch:
        """Batch `number`; a row holds whole documents only, padded at its end."""
        rng = random.Random(f"{self._seed}/{number}")
        # One more than the model sees: the last token is a target only.
        width = self._row_len + 1
        rows: list[list[Encoded]] = [[] for _ in range(num_rows)]
        space = [width] * num_rows
        failed = 0
        while failed < FAILED_DRAWS and max(space) >= SMALLEST_DOCUMENT:
            sample = self._draw(rng, max(space))
            fitting = [row for row in range(num_rows) if space[row] >= len(sample)]
            if not fitting:
                failed += 1
                continue
            row = min(fitting, key=space.__getitem__)
            rows[row].append(sample)
            space[row] -= len(sample)
        return _pack(rows, width, self._tokenizer.eos)

    def _draw(self, rng: random.Random, limit: int) -> Encoded:
        """A sample that aims at no more than `limit` tokens."""
        document = self._pick(rng)
        budget = limit - 6
        if rng.random() > self._mixture.full_length:
            budget = rng.randint(min(40, budget), budget)
        num_chars = max(80, int(budget * CHARS_PER_TOKEN * rng.uniform(0.8, 1.0)))
        header = self._header(document, rng, num_chars)
        num_chars -= len(header)
        if rng.random() < self._mixture.fim:
            hole = self._hole(document.text, num_chars, rng)
            return self._encode(Hole(header + hole.prefix, hole.middle, hole.suffix), rng)
        return self._plain(document.text, header, num_chars, rng)

    def _pick(self, rng: random.Random) -> Document:
        return self._documents[bisect(self._cumulated, rng.random() * self._cumulated[-1])]

    def _header(self, document: Document, rng: random.Random, num_chars: int) -> str:
        """Sometimes the file's name, sometimes a piece of another file before it."""
        own = f"# file: {document.path}\n"
        if num_chars > 800 and rng.random() < self._mixture.other_file:
            other = rng.choice(self._by_package[document.package])
            piece, _ = _excerpt(other.text, rng.randint(150, 700), rng)
            return f"# file: {other.path}\n{piece}\n{own}"
        return own if rng.random() < self._mixture.file_header else ""

    def _hole(self, text: str, num_chars: int, rng: random.Random) -> Hole:
        """A hole with as much of its surroundings as `num_chars` allows."""
        hole = cut(text, rng)
        for _ in range(8):
            if hole.middle.strip() and len(hole.middle) < num_chars // 2:
                break
            hole = cut(text, rng)
        if self._mixture.one_line and rng.random() < self._mixture.one_line:
            hole = first_line_only(hole)
        room = max(0, num_chars - len(hole.middle))
        after = 0 if rng.random() < self._mixture.no_suffix else int(room * rng.uniform(0.05, 0.5))
        return Hole(tail(hole.prefix, room - after), hole.middle, head(hole.suffix, after))

    def _encode(self, hole: Hole, rng: random.Random) -> Encoded:
        mixture = self._mixture
        if rng.random() < mixture.spm:
            apart = rng.random() < mixture.split_tokens
            return encode_spm(self._tokenizer, hole, mixture.context_weight, split_tokens=apart)
        return encode_psm(self._tokenizer, hole, mixture.context_weight)

    def _plain(self, text: str, header: str, num_chars: int, rng: random.Random) -> Encoded:
        piece, complete = _excerpt(text, num_chars, rng)
        return encode_plain(self._tokenizer, header + piece, complete=complete)


def head(text: str, num_chars: int) -> str:
    """The start of `text`, at most `num_chars`, up to a line break where there is one."""
    if len(text) <= num_chars:
        return text
    return text[: text.rfind("\n", 0, num_chars) + 1 or num_chars]


def tail(text: str, num_chars: int) -> str:
    """The end of `text`, at most `num_chars`, from a line's start where there is one."""
    if len(text) <= num_chars:
        return text
    start = len(text) - num_chars
    return text[text.find("\n", start) + 1 or start :]


def _excerpt(text: str, num_chars: int, rng: random.Random) -> tuple[str, bool]:
    """Some lines of `text`, and whether they reach its end."""
    latest = max(0, len(text) - num_chars // 2)
    start = text.rfind("\n", 0, rng.randint(0, latest)) + 1
    piece = head(text[start:], num_chars)
    return piece, start + len(piece) == len(text)


def _pack(rows: list[list[Encoded]], width: int, padding: int) -> Batch:
    """Lay the samples of each row end to end; padding has no weight."""
    ids = np.full((len(rows), width), padding, dtype=np.int64)
    weights = np.zeros((len(rows), width), dtype=np.float32)
    line_ends = np.zeros((len(rows), width), dtype=np.bool_)
    for number, row in enumerate(rows):
        start = 0
        for sample in row:
            place = slice(start, start := start + len(sample))
            ids[number, place] = sample.ids
            weights[number, place] = sample.weights
            line_ends[number, place] = sample.line_ends
    return Batch(ids, weights, line_ends)
