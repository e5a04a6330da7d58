"""Which suggestions are worth showing: thresholds on how likely the model found them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from benchmarks.quality_answers import Answers, Ending
from benchmarks.quality_habits import Habit, habits_of
from benchmarks.quality_items import context_of, in_first_half
from benchmarks.quality_layouts import first_word
from lsp_server.context.request import completion_request
from lsp_server.postprocess import Suggestion, postprocess
from model_runtime.api import ModelInfo
from model_runtime.evaluation import interval
from training.evaluation.tasks import Item

MAX_TOKENS = 64
FEWEST_SHOWN = 20
"""A precision of fewer suggestions than this says nothing."""

Statistic = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request.

    cluster: the file. line_before: of the cursor's line. shown: what an editor would show, empty if
    nothing. exact: whether the line is then right, but for blanks at its end. logprobs: of the
    answer's tokens. habits: of what is shown. first_word: whether that is right at least for its
    first word, or run of marks.
    """

    cluster: str
    line_before: str
    shown: str
    exact: bool
    logprobs: tuple[float, ...]
    habits: frozenset[Habit] = frozenset()
    first_word: bool = False


def mean(logprobs: Sequence[float]) -> float:
    """Of at least one token, the one that ended the answer included."""
    return sum(logprobs) / len(logprobs)


def mean_but_last(logprobs: Sequence[float]) -> float:
    """Without the token that ended the answer."""
    return mean(logprobs[:-1] or logprobs)


STATISTICS: dict[str, Statistic] = {
    "mean": mean,
    "mean without the end": mean_but_last,
    "sum": sum,
    "minimum": min,
}
USED = "mean"
"""The statistic that the runtime reports and the language server compares."""


def outcomes(answers: Answers, items: Iterable[Item], model: ModelInfo) -> list[Outcome]:
    """Ask for the rest of the line at each place, as the language server does. Raises ValueError
    for answers without log-probabilities.
    """
    found = [outcome(answers, item, model) for item in items]
    if any(one.shown and not one.logprobs for one in found):
        raise ValueError("The engine tells no log-probabilities.")
    return found


def outcome(answers: Answers, item: Item, model: ModelInfo) -> Outcome:
    """Ask for one rest of a line and judge what would be shown of it."""
    context = context_of(item)
    one_line = replace(model, single_line=True)
    answer = answers.answer(completion_request(context, one_line, max_tokens=MAX_TOKENS))
    cut_short = answer.ending is Ending.LENGTH
    found = postprocess(answer.text, context, cut_short=cut_short)
    suggestion = found if isinstance(found, Suggestion) else Suggestion("")
    rest = context.rest_of_line
    line = suggestion.text + rest[suggestion.num_replaced :]
    right = item.hole.middle.split("\n")[0] + ("" if "\n" in item.hole.middle else rest)
    return Outcome(
        cluster=item.problem,
        line_before=context.line_before,
        shown=suggestion.text,
        exact=bool(suggestion.text) and line.rstrip() == right.rstrip(),
        logprobs=answer.logprobs,
        habits=habits_of(context, suggestion.text, cut_short=cut_short),
        first_word=_begins_right(suggestion.text, right),
    )


def _begins_right(shown: str, right: str) -> bool:
    return bool(shown.strip()) and first_word(shown).strip() == first_word(right).strip()


def split_by_file(found: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """Divide outcomes so that no file has some in both halves."""
    first = [one for one in found if in_first_half(one.cluster)]
    return first, [one for one in found if not in_first_half(one.cluster)]


@dataclass(frozen=True, slots=True)
class Share:
    """Of `requests`, `shown` had a suggestion, `exact` of those exactly right and `first_words` at
    least for their first word. low, high: 95 % interval of the precision, files resampled.
    """

    requests: int
    shown: int
    exact: int
    low: float
    high: float
    first_words: int = 0

    @property
    def shown_share(self) -> float:
        return self.shown / max(1, self.requests)

    @property
    def precision(self) -> float:
        return self.exact / max(1, self.shown)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold chosen on one half of the places and what it does on the other. threshold: -inf
    shows everything, inf nothing.
    """

    statistic: str
    threshold: float
    chosen_on: Share
    checked_on: Share


def choose_threshold(found: Sequence[Outcome], statistic: Statistic, target: float) -> float:
    """The lowest threshold, in steps of 0.01, at which at least `target` of what is shown is
    exactly right; infinite if there is none.
    """
    by_step: dict[float, list[bool]] = defaultdict(list)
    for one in found:
        if one.shown:
            by_step[_step_below(statistic(one.logprobs))].append(one.exact)
    best, hits = math.inf, list[bool]()
    for step in sorted(by_step, reverse=True):
        hits += by_step[step]
        if len(hits) >= FEWEST_SHOWN and sum(hits) >= target * len(hits):
            best = step
    return best


def gated(found: Sequence[Outcome], statistic: Statistic, threshold: float) -> Share:
    """What is shown, and right, at a threshold."""
    passed = [o for o in found if o.shown and statistic(o.logprobs) >= threshold]
    hits = [o.exact for o in passed]
    clusters = [o.cluster for o in passed]
    low, high = interval(clusters, hits) if passed else (0.0, 1.0)
    words = sum(o.first_word for o in passed)
    return Share(len(found), len(passed), sum(hits), low, high, words)


def calibrate(
    chosen_on: Sequence[Outcome], checked_on: Sequence[Outcome], target: float
) -> list[Calibration]:
    """One calibration for each statistic, the one in use first."""
    found = []
    for name, statistic in STATISTICS.items():
        threshold = choose_threshold(chosen_on, statistic, target)
        found.append(
            Calibration(
                name,
                threshold,
                gated(chosen_on, statistic, threshold),
                gated(checked_on, statistic, threshold),
            )
        )
    return found


def steps(found: Sequence[Outcome], statistic: Statistic, count: int = 10) -> list[float]:
    """Thresholds that let about 1/count, 2/count … of the suggestions pass, the strictest first."""
    values = sorted((statistic(o.logprobs) for o in found if o.shown), reverse=True)
    places = (len(values) * step // count - 1 for step in range(1, count + 1))
    return [_step_below(values[place]) for place in places if place >= 0]


def _step_below(value: float) -> float:
    """Down to a multiple of 0.01; that of floating-point arithmetic may lie above the value."""
    hundredths = math.floor(100 * value)
    return hundredths / 100 if hundredths / 100 <= value else (hundredths - 1) / 100
