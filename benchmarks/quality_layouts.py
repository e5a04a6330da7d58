"""Which order of the prompt's parts, with or without token healing, a model answers best in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.quality_answers import Answer, DirectAnswers, Ending, Mixer, healed_prefix_first
from benchmarks.quality_items import context_of
from model_runtime.api import CompletionRequest, Layout
from training.evaluation import completer
from training.evaluation.scoring import Score, Task, score
from training.evaluation.tasks import Item

_FIRST_WORD = re.compile(r"\s*(\w+|[^\w\s]+)")

MixerFor = Callable[[CompletionRequest], Mixer]


@dataclass(frozen=True, slots=True)
class Variant:
    """cached: with the cache language model mixed in."""

    layout: Layout
    heal: bool
    cached: bool = False

    @property
    def name(self) -> str:
        healing = " + healing" if self.heal else ""
        cache = " + cache model" if self.cached else ""
        return f"{self.layout.upper()}{healing}{cache}"


PLAIN_VARIANTS = tuple(
    Variant(layout, heal) for layout in (Layout.PSM, Layout.SPM) for heal in (False, True)
)
CACHED_VARIANTS = (Variant(Layout.SPM, heal=True, cached=True),)


@dataclass(frozen=True, slots=True)
class Row:
    """How one variant did in one task. first_word: the share of answers that begin with the right
    word or mark.
    """

    task: str
    variant: str
    score: Score
    first_word: float


def compare_layouts(
    answers: DirectAnswers,
    tasks: Iterable[Task],
    variants: Iterable[Variant],
    mixer_for: MixerFor | None = None,
) -> Iterator[Row]:
    """Every variant on every task. Without `mixer_for` the cached variants are left out."""
    chosen = [variant for variant in variants if mixer_for or not variant.cached]
    for task in tasks:
        for variant in chosen:
            given = [_answered(answers, item, task, variant, mixer_for) for item in task.items]
            yield Row(
                task.name,
                variant.name,
                score(task, given, execute=False),
                first_words_right(task, [answer.text for answer in given]),
            )


def first_words_right(task: Task, texts: Sequence[str]) -> float:
    """The share of texts whose first word, or run of marks, is that of the right answer."""
    hits = [
        first_word(text) == first_word(item.hole.middle)
        for item, text in zip(task.items, texts, strict=True)
    ]
    return sum(hits) / max(1, len(hits))


def first_word(text: str) -> str:
    """A word or a run of marks with the blanks before it; what is there of it at a cursor."""
    found = _FIRST_WORD.match(text)
    return found[0] if found else ""


def _answered(
    answers: DirectAnswers,
    item: Item,
    task: Task,
    variant: Variant,
    mixer_for: MixerFor | None,
) -> completer.Answer:
    """`ended` means by the model itself, not by a stop string."""
    context = context_of(item)
    request = CompletionRequest(
        prompt=context.prefix,
        suffix=context.suffix,
        max_tokens=task.max_tokens,
        stop=task.stop,
        layout=variant.layout,
        heal=variant.heal,
    )
    answers.explorer.forget()
    mixer = mixer_for(request) if variant.cached and mixer_for else None
    given = _decoded(answers, request, mixer)
    return completer.Answer(given.text, given.ending is Ending.MODEL)


def _decoded(answers: DirectAnswers, request: CompletionRequest, mixer: Mixer | None) -> Answer:
    if request.layout is Layout.PSM and request.heal:
        prompt = healed_prefix_first(answers.renderer, request)
        return answers.decode(prompt, request, mixer)
    return answers.answer(request, mixer)
