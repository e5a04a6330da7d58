"""Infilling tasks: places to complete, with the right answer."""

import gzip
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.corpus.build import Document
from training.fim import Hole, cut_rest_of_line

SINGLE_LINE_FILE = "HumanEval-SingleLineInfilling.jsonl.gz"
RANDOM_SPAN_FILE = "HumanEval-RandomSpanInfillingLight.jsonl.gz"
HUMAN_EVAL_FILE = "HumanEval.jsonl.gz"

REST_OF_LINE_SEED = 5
MOST_CHARS_COUNTED = 20_000
MIN_LINE = 6
CODE_LINE = re.compile(r"[=().:\[\]]|^(return|raise|pass|break|import|from|else|try)")
PROSE_STARTS = ("#", '"""', "'''")


@dataclass(frozen=True)
class Item:
    """A hole to fill; `check` is Python code that fails when the filled program is wrong."""

    problem: str
    hole: Hole
    check: str | None = None

    def filled(self, middle: str) -> str:
        """The text with `middle` in its hole."""
        return self.hole.prefix + middle + self.hole.suffix


def single_line_items(folder: Path) -> list[Item]:
    """HumanEval single-line infilling, with the cursor on an empty line as in an editor."""
    return [_as_in_editor(item) for item in _human_eval_items(folder / SINGLE_LINE_FILE)]


def random_span_items(folder: Path) -> list[Item]:
    """HumanEval random-span infilling (light)."""
    return _human_eval_items(folder / RANDOM_SPAN_FILE)


def read_records(path: Path) -> list[dict[str, str]]:
    """The records of a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _human_eval_items(path: Path) -> list[Item]:
    return [
        Item(
            problem="/".join(record["task_id"].split("/")[1:3]),
            hole=Hole(record["prompt"], record["canonical_solution"], record["suffix"]),
            check=f"{record['test']}\ncheck({record['entry_point']})\n",
        )
        for record in read_records(path)
    ]


def _as_in_editor(item: Item) -> Item:
    """The line's own newline stands after the cursor, not in the answer."""
    hole = item.hole
    if not hole.middle.endswith("\n"):
        return item
    shifted = Hole(hole.prefix, hole.middle[:-1], "\n" + hole.suffix)
    return Item(item.problem, shifted, item.check)


def rest_of_line_items(documents: Sequence[Document], count: int) -> list[Item]:
    """Fixed places inside lines of code; the answer is the rest of the line."""
    rng = random.Random(REST_OF_LINE_SEED)
    weights = [min(len(document.text), MOST_CHARS_COUNTED) for document in documents]
    items: list[Item] = []
    while len(items) < count:
        (document,) = rng.choices(documents, weights)
        hole = cut_rest_of_line(document.text, rng)
        if _is_code(hole):
            items.append(Item(f"{document.package}/{document.path}", hole))
    return items


def _is_code(hole: Hole) -> bool:
    """Whether something of the line is typed, something is missing, and it is no prose."""
    typed = hole.prefix.rsplit("\n", 1)[-1].strip()
    line = typed + hole.middle.rstrip()
    if not typed or len(hole.middle.strip()) < 2 or len(line) < MIN_LINE:
        return False
    return not line.startswith(PROSE_STARTS) and bool(CODE_LINE.search(line))
