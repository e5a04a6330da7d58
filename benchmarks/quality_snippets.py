"""What pieces of other files are worth to a model that copies from them."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.quality_answers import DirectAnswers, Ending
from benchmarks.quality_cache import mixing
from benchmarks.quality_items import context_of
from lsp_server.context.snippets import MAX_CHARS, OtherFile, choose, chunks_of
from lsp_server.source_text import SourceText
from model_runtime.api import CompletionRequest, Snippet
from model_runtime.ngrams import CacheWeights
from training.corpus.build import Document
from training.evaluation.completer import Answer as Given
from training.evaluation.scoring import Score, Task, score
from training.evaluation.tasks import Item

NUM_OPEN = 8
"""Other files that somebody has visited: half of them imported by the file or importing it."""
AMOUNTS = (0, MAX_CHARS // 2, MAX_CHARS, 2 * MAX_CHARS)
_LEAST_FILES = 4


@dataclass(frozen=True, slots=True)
class Projects:
    """Files with others beside them. opened: for each file, by package and path, what else was
    visited.
    """

    documents: Sequence[Document]
    opened: Mapping[str, Sequence[OtherFile]]


@dataclass(frozen=True, slots=True)
class SnippetTrial:
    """How one amount of text did. won, lost: places that are right only with it, or without."""

    max_chars: int
    score: Score
    won: int
    lost: int


def projects_of(documents: Sequence[Document]) -> Projects:
    """Say what was visited beside each file. Raises ValueError if no package has a few files."""
    packages: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        packages[document.package].append(document)
    kept = [d for d in documents if len(packages[d.package]) >= _LEAST_FILES]
    if not kept:
        raise ValueError(f"no package has {_LEAST_FILES} files")
    files = {id(d): OtherFile(d.path, chunks_of(SourceText.of(d.text))) for d in kept}
    opened = {
        f"{d.package}/{d.path}": [files[id(each)] for each in _visited(d, packages[d.package])]
        for d in kept
    }
    return Projects(kept, opened)


def try_snippets(
    answers: DirectAnswers, task: Task, projects: Projects, weights: CacheWeights
) -> list[SnippetTrial]:
    """Every amount of text on every item of the task."""
    mixer_for = mixing(answers.renderer, weights)
    given: dict[int, list[Given]] = {amount: [] for amount in AMOUNTS}
    for item in task.items:
        answers.explorer.forget()
        for amount in AMOUNTS:
            request = _request(item, task, projects, amount)
            answer = answers.answer(request, mixer_for(request))
            given[amount].append(Given(answer.text, answer.ending is Ending.MODEL))
    right = {amount: _right(task, texts) for amount, texts in given.items()}
    return [
        SnippetTrial(
            amount,
            score(task, texts, execute=False),
            won=sum(
                now and not before for now, before in zip(right[amount], right[0], strict=True)
            ),
            lost=sum(
                before and not now for now, before in zip(right[amount], right[0], strict=True)
            ),
        )
        for amount, texts in given.items()
    ]


def _request(item: Item, task: Task, projects: Projects, max_chars: int) -> CompletionRequest:
    context = context_of(item)
    snippets: tuple[Snippet, ...] = ()
    if max_chars:
        files = projects.opened[item.problem]
        snippets = choose(context, files, lambda _: True, max_chars)
    return CompletionRequest(
        prompt=context.prefix,
        suffix=context.suffix,
        max_tokens=task.max_tokens,
        stop=task.stop,
        snippets=snippets,
    )


def _right(task: Task, texts: Sequence[Given]) -> list[bool]:
    pairs = zip(task.items, texts, strict=True)
    return [given.text.strip() == item.hole.middle.strip() for item, given in pairs]


def _visited(document: Document, package: Sequence[Document]) -> list[Document]:
    others = [each for each in package if each is not document]
    random.Random(document.path).shuffle(others)
    related = [each for each in others if _imports(document, each) or _imports(each, document)]
    chosen = related[: NUM_OPEN // 2]
    strangers = [each for each in others if all(each is not one for one in chosen)]
    return [*chosen, *strangers[: NUM_OPEN - len(chosen)]]


def _imports(one: Document, other: Document) -> bool:
    name = re.escape(PurePosixPath(other.path).stem)
    return re.search(rf"import.*\b{name}\b|from \S*\b{name} import", one.text) is not None
