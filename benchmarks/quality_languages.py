"""How good a model's ghost text is from language to language, and what of it is shown unasked."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality_answers import Answers
from benchmarks.quality_calibration import (
    STATISTICS,
    Outcome,
    Share,
    choose_threshold,
    gated,
    outcome,
    split_by_file,
)
from benchmarks.quality_items import name_of, read_text
from lsp_server.confidence import is_home, may_speak
from lsp_server.syntax.languages import grammar_name
from model_runtime.api import ModelInfo
from training.corpus.build import Document
from training.evaluation.tasks import Item
from training.fim import Hole

_SEED = 17
_MOST_CHARS_COUNTED = 20_000
_FEWEST_CHARS = 4
"""Of a line, without its indentation."""
_TRIES = 200
_LOWEST = STATISTICS["minimum"]
_WRONG_OF_EACH = 3
STEPS = (-1.5, -1.27, -1.1, -1.0, -0.9, -0.8, -0.7, -0.6, -0.5)


@dataclass(frozen=True, slots=True)
class Tried:
    """One language's places, what came of them, and the answers that were right."""

    language: str
    outcomes: tuple[Outcome, ...]
    right: tuple[str, ...]


def documents_by_language(folder: Path) -> dict[str, list[Document]]:
    """The text files of a folder by language, in a fixed order: the grammar's name, else the
    suffix. Raises ValueError if there are none.
    """
    found: dict[str, list[Document]] = defaultdict(list)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and (text := read_text(file)):
            path = file.relative_to(folder)
            language = grammar_name("", path.name) or path.suffix.lower().removeprefix(".")
            found[language].append(Document(path.parts[0], path.as_posix(), text))
    if not found:
        raise ValueError(f"{folder} holds no texts of a sensible size.")
    return found


def places(documents: Sequence[Document], count: int) -> list[Item]:
    """Fixed places, as somebody comes to them who writes: of five in one file three are in the
    order of writing, with nothing below; one is within a line or at its end, and one is where a
    line begins, both with the rest of the file below.
    """
    rng = random.Random(_SEED)
    weights = [min(len(document.text), _MOST_CHARS_COUNTED) for document in documents]
    items: list[Item] = []
    while len(items) < count:
        (document,) = rng.choices(documents, weights)
        cuts = [_cut(document.text, rng, begins=False) for _ in range(4)]
        cuts.append(_cut(document.text, rng, begins=True))
        for at, (start, end) in enumerate([*sorted(cuts[:3]), *cuts[3:]]):
            text, below = document.text, document.text[end:] if at >= 3 else ""
            items.append(Item(name_of(document), Hole(text[:start], text[start:end], below)))
    return items[:count]


def try_language(
    answers: Answers, language: str, documents: Sequence[Document], count: int, model: ModelInfo
) -> Tried:
    """Ask at each place as the language server does."""
    items = places(documents, count)
    outcomes = tuple(outcome(answers, item, model) for item in items)
    return Tried(language, outcomes, tuple(item.hole.middle for item in items))


def languages_report(tried: Sequence[Tried], model: ModelInfo) -> list[str]:
    """Tables, and the threshold that they speak for."""
    by_language = {one.language: one.outcomes for one in tried}
    elsewhere = [name for name in by_language if not is_home(model, name)]
    prose = [name for name in elsewhere if not may_speak(model, name)]
    groups = {
        "at home": [name for name in by_language if name not in elsewhere],
        "code elsewhere": [name for name in elsewhere if name not in prose],
        "prose": prose,
    }
    found = {
        group: [one for name in names for one in by_language[name]]
        for group, names in groups.items()
    }
    return [
        *_languages_table(tried, model),
        "",
        *_steps_table(found),
        "",
        _advice(found["at home"], found["code elsewhere"], model),
    ]


def language_record(one: Tried, model: ModelInfo) -> dict[str, Any]:
    """A language's figures for the JSON file."""
    shares = {
        "as_at_home": gated(one.outcomes, _LOWEST, _at_home(model)),
        "as_shipped": gated(one.outcomes, _LOWEST, threshold_in(model, one.language)),
    }
    return {"language": one.language} | {name: asdict(share) for name, share in shares.items()}


def threshold_in(model: ModelInfo, language: str) -> float:
    """The shipped one; infinite where nothing is shown."""
    if not may_speak(model, language):
        return math.inf
    elsewhere = model.min_token_logprob_elsewhere
    return _at_home(model) if is_home(model, language) or elsewhere is None else elsewhere


def _languages_table(tried: Sequence[Tried], model: ModelInfo) -> list[str]:
    """By the threshold of the languages that the model knows, and as shipped."""
    lines = [
        "| language | places | everywhere as at home: shown, exact, first word "
        "| as shipped: shown, exact, first word |",
        "|---|--:|--:|--:|",
    ]
    for one in tried:
        home = _cells(gated(one.outcomes, _LOWEST, _at_home(model)))
        shipped = _cells(gated(one.outcomes, _LOWEST, threshold_in(model, one.language)))
        lines.append(f"| {one.language} | {len(one.outcomes)} | {home} | {shipped} |")
    return lines


def _steps_table(groups: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """What thresholds on the least likely token show of each group."""
    lines = [f"| every token at least | {' | '.join(groups)} |", f"|--:|{'--:|' * len(groups)}"]
    for step in STEPS:
        cells = [_cells(gated(found, _LOWEST, step)) for found in groups.values()]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    return lines


def _advice(home: Sequence[Outcome], elsewhere: Sequence[Outcome], model: ModelInfo) -> str:
    """The threshold at which code elsewhere is right about as often as at home, found on one half
    of the files and checked on the other.
    """
    target = gated(home, _LOWEST, _at_home(model)).precision
    one, other = split_by_file(elsewhere)
    threshold = choose_threshold(one, _LOWEST, target)
    chosen, checked = gated(one, _LOWEST, threshold), gated(other, _LOWEST, threshold)
    return (
        f"At home {target:.1%} of what is shown is exactly right. So is code elsewhere where every "
        f"token has at least {threshold:.2f}, on one half of the files (shown, exact, first word: "
        f"{_cells(chosen)}); on the other {_cells(checked)}."
    )


def wrong_ones(one: Tried, model: ModelInfo) -> Iterator[str]:
    """Some of what is shown and wrong, to judge by eye: typed › shown for right."""
    threshold = threshold_in(model, one.language)
    found = [
        f"{one.language}: `{shown.line_before.strip()[-50:]}` › `{shown.shown[:70]}` for `"
        f"{right[:50]}`"
        for shown, right in zip(one.outcomes, one.right, strict=True)
        if shown.shown and not shown.exact and _LOWEST(shown.logprobs) >= threshold
    ]
    yield from random.Random(_SEED).sample(found, min(_WRONG_OF_EACH, len(found)))


def _at_home(model: ModelInfo) -> float:
    return -math.inf if model.min_token_logprob is None else model.min_token_logprob


def _cut(text: str, rng: random.Random, *, begins: bool) -> tuple[int, int]:
    """A place in a line that says something, and the line's end. Raises ValueError if a few tries
    find none.
    """
    for _ in range(_TRIES):
        at = rng.randrange(len(text))
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at) if "\n" in text[at:] else len(text)
        said = text[start:end].lstrip()
        if len(said.rstrip()) >= _FEWEST_CHARS:
            first = end - len(said)
            return (first if begins else rng.randint(first + 1, end)), end
    raise ValueError("a text without lines")


def _cells(share: Share) -> str:
    if not share.shown:
        return "nothing"
    return f"{share.shown_share:.0%}, {share.precision:.0%}, {share.first_words / share.shown:.0%}"
