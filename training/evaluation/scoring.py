"""Running a completer over items and adding up how it did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model_runtime.evaluation import edit_similarity, first_line, interval
from model_runtime.evaluation_sandbox import passes
from training.evaluation.completer import Answer, Completer
from training.evaluation.metrics import parses
from training.evaluation.tasks import Item

Shown = Callable[[str], str]
Tick = Callable[[], None]


@dataclass(frozen=True)
class Task:
    """How a set of items is asked and shown.

    `shown` turns an answer into what an editor would show; `strict` scores compare it with
    the right answer character by character but for blanks at both ends.
    """

    name: str
    items: Sequence[Item]
    max_tokens: int
    stop: tuple[str, ...] = ()
    shown: Shown = str


@dataclass(frozen=True)
class Score:
    """Shares of the items, from 0 to 1. `passed` is None where nothing was executed."""

    num_items: int
    exact_shown: float
    exact_shown_low: float
    exact_shown_high: float
    exact_whole: float
    edit_similarity: float
    ended: float
    parses: float
    passed: float | None


def run_task(task: Task, completer: Completer, *, execute: bool, tick: Tick) -> Score:
    """Ask for every item of `task` and score the answers."""
    answers = []
    for item in task.items:
        answers.append(completer.complete(item.hole, task.max_tokens, task.stop))
        tick()
    return score(task, answers, execute=execute)


def score(task: Task, answers: Sequence[Answer], *, execute: bool) -> Score:
    """Add up how `answers` compare with the items of `task`."""
    pairs = list(zip(task.items, answers, strict=True))
    shown = [task.shown(answer.text) for answer in answers]
    gold = [item.hole.middle.strip() for item in task.items]
    exact = [text.strip() == right for text, right in zip(shown, gold, strict=True)]
    programs = [item.filled(text) for item, text in zip(task.items, shown, strict=True)]
    valid = [parses(program) for program in programs]
    low, high = interval([item.problem for item in task.items], exact)
    passed = [
        ok and passes(program + (item.check or ""))
        for ok, program, item in zip(valid, programs, task.items, strict=True)
        if execute and item.check
    ]
    return Score(
        num_items=len(pairs),
        exact_shown=_share(exact),
        exact_shown_low=low,
        exact_shown_high=high,
        exact_whole=_share([item.hole.middle == answer.text for item, answer in pairs]),
        edit_similarity=_mean(
            [edit_similarity(t.strip(), g) for t, g in zip(shown, gold, strict=True)]
        ),
        ended=_share([answer.ended for answer in answers]),
        parses=_share(valid),
        passed=_share(passed) if passed else None,
    )


def single_line_task(items: Sequence[Item]) -> Task:
    """A line at a time: an editor shows the first line of what comes."""
    return Task("single_line", items, max_tokens=64, shown=first_line)


def random_span_task(items: Sequence[Item]) -> Task:
    """Spans of any shape: everything that comes is shown."""
    return Task("random_span", items, max_tokens=128)


def rest_of_line_task(items: Sequence[Item]) -> Task:
    """The rest of a line that is being typed."""
    return Task("rest_of_line", items, max_tokens=64, shown=lambda text: text.split("\n")[0])


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / max(1, len(hits))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
