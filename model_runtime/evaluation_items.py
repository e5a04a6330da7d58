"""The HumanEval infilling files (Bavarian et al., arXiv 2207.14255): read, and fetched when asked.

Format: JSON lines, gzipped or not, with `prompt`, `suffix`, `canonical_solution`, and for execution
`test` and `entry_point`.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from model_runtime.api import RuntimeFailure

DOWNLOAD_URL = "https://raw.githubusercontent.com/openai/human-eval-infilling/master/data"
_TIMEOUT_S = 60
_SAMPLE_SEED = 3


class Benchmark(StrEnum):
    """Which holes: of one line, of several, from anywhere to anywhere; the light one is a tenth."""

    SINGLE_LINE = "single-line"
    MULTI_LINE = "multi-line"
    RANDOM_SPAN = "random-span"
    RANDOM_SPAN_LIGHT = "random-span-light"


_FILES = {
    Benchmark.SINGLE_LINE: "HumanEval-SingleLineInfilling.jsonl.gz",
    Benchmark.MULTI_LINE: "HumanEval-MultiLineInfilling.jsonl.gz",
    Benchmark.RANDOM_SPAN: "HumanEval-RandomSpanInfilling.jsonl.gz",
    Benchmark.RANDOM_SPAN_LIGHT: "HumanEval-RandomSpanInfillingLight.jsonl.gz",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A hole with its right filling. problem: items of one problem succeed and fail together.
    check: Python code that fails when the filled program is wrong; None where there is none.
    """

    problem: str
    prefix: str
    suffix: str
    middle: str
    check: str | None = None

    def program(self, middle: str) -> str:
        """The text with `middle` in its hole."""
        return self.prefix + middle + self.suffix


def benchmark_of(file: Path) -> Benchmark | None:
    """Which benchmark a file is, by its name."""
    name = file.name.removesuffix(".gz").removesuffix(".jsonl")
    found = (one for one, known in _FILES.items() if known.startswith(f"{name}.jsonl"))
    return next(found, None)


def read_items(file: Path, limit: int | None) -> list[Item]:
    """The file's items, or so many of them, always the same. Raises RuntimeFailure."""
    try:
        with _opened(file) as lines:
            items = [_item(json.loads(line)) for line in lines if line.strip()]
    except FileNotFoundError as error:
        raise RuntimeFailure(
            f"There is no file {file}.", "Leave --data out to have it downloaded."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise RuntimeFailure(
            f"{file} is no infilling benchmark: {_reason(error)}.",
            "Each line is a JSON object with prompt, suffix and canonical_solution.",
        ) from error
    if not items:
        raise RuntimeFailure(f"{file} is empty.", "Leave --data out to have it downloaded.")
    if limit is None or limit >= len(items):
        return items
    return random.Random(_SAMPLE_SEED).sample(items, limit)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"a line lacks {error}"
    if isinstance(error, (TypeError, AttributeError)):
        return "a line is no JSON object"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).rstrip(".")


def fetch(benchmark: Benchmark, folder: Path) -> Path:
    """The benchmark's file in `folder`, downloaded if it is not there. Raises RuntimeFailure."""
    file = folder / _FILES[benchmark]
    if file.is_file():
        return file
    url = f"{DOWNLOAD_URL}/{file.name}"
    unfinished = file.with_suffix(".unfinished")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as source, unfinished.open("wb") as to:
            shutil.copyfileobj(source, to)
        unfinished.replace(file)
    except OSError as error:  # urllib's own errors are such
        reason = getattr(error, "reason", None) or error.strerror or error
        raise RuntimeFailure(
            f"{url} cannot be downloaded: {str(reason).rstrip('.')}.",
            f"Download it where there is a network, and name it: --data {file.name}",
        ) from error
    return file


def _opened(file: Path) -> Any:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8")
    return file.open(encoding="utf-8")


def _item(record: Mapping[str, Any]) -> Item:
    name = str(record.get("task_id") or record.get("name") or "")
    parts = name.split("/")
    check = record.get("test")
    return Item(
        problem="/".join(parts[1:3]) if len(parts) > 2 else name,
        prefix=str(record["prompt"]),
        suffix=str(record["suffix"]),
        middle=str(record["canonical_solution"]),
        check=f"{check}\ncheck({record['entry_point']})\n" if check else None,
    )
