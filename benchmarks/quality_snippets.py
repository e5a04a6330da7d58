"""What pieces of other files are worth to a model that copies from them."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.quality_answers import Answer, DirectAnswers, Ending
from benchmarks.quality_cache import mixing
from benchmarks.quality_items import context_of
from lsp_server.context.snippets import MAX_CHARS, OtherFile, choose, chunks_of
from lsp_server.source_text import SourceText
from model_runtime.api import CompletionRequest, Snippet
from model_runtime.habits import Habits
from training.corpus.build import Document
from training.evaluation.completer import Answer as Given
from training.evaluation.scoring import Score, Task, score
from training.evaluation.tasks import Item

NUM_OPEN = 8
"""Other files that somebody has visited: half of them imported by the file or importing it."""
AMOUNTS = (0, MAX_CHARS, 2 * MAX_CHARS)
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
    """How one amount of text did.

    won, lost: places that are right only with it, or without. shown: places where each token was
    likely enough to be shown; right: of those.
    """

    max_chars: int
    score: Score
    won: int
    lost: int
    shown: int
    right: int


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
    answers: DirectAnswers, task: Task, projects: Projects, habits: Habits
) -> list[SnippetTrial]:
    """Every amount of text on every item of the task."""
    mixer_for = mixing(answers.renderer, habits.cache)
    given: dict[int, list[Answer]] = {amount: [] for amount in AMOUNTS}
    for item in task.items:
        answers.explorer.forget()
        for amount in AMOUNTS:
            request = _request(item, task, projects, amount)
            given[amount].append(answers.answer(request, mixer_for(request)))
    before = _right(task, given[0])
    return [_trial(task, amount, given[amount], before, habits) for amount in AMOUNTS]


def _trial(
    task: Task, max_chars: int, given: Sequence[Answer], before: Sequence[bool], habits: Habits
) -> SnippetTrial:
    right = _right(task, given)
    shown = [_is_shown(answer, habits) for answer in given]
    texts = [Given(answer.text, answer.ending is Ending.MODEL) for answer in given]
    return SnippetTrial(
        max_chars,
        score(task, texts, execute=False),
        won=sum(now and not then for now, then in zip(right, before, strict=True)),
        lost=sum(then and not now for now, then in zip(right, before, strict=True)),
        shown=sum(shown),
        right=sum(each and is_right for each, is_right in zip(shown, right, strict=True)),
    )


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


def _is_shown(answer: Answer, habits: Habits) -> bool:
    least = habits.min_token_logprob
    return bool(answer.text.strip()) and (least is None or min(answer.logprobs) >= least)


def _right(task: Task, answers: Sequence[Answer]) -> list[bool]:
    pairs = zip(task.items, answers, strict=True)
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
