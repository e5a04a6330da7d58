"""Knowing when not to speak: how sure a model was of its text, and what of it is worth showing
then. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_runtime.api import ModelInfo

_PROSE_NAMES = (
    "adoc asciidoc asciidoctor gitcommit git-commit help latex mail markdown md mdx org plaintext "
    "quarto restructuredtext rmd rst tex text txt typst"
)
_PROSE = frozenset(["", *_PROSE_NAMES.split()])
"""By editors' language ids and files' suffixes; a text that nobody says anything about is prose."""


@dataclass(frozen=True, slots=True)
class TokenScore:
    """offset: where the token begins in the text, in characters. logprob: natural logarithm of the
    probability that the model gave it.
    """

    offset: int
    logprob: float


def scores_of_chunk(start: int, text: str, logprobs: Sequence[float]) -> list[TokenScore]:
    """Say where the tokens of a piece of text begin that comes at `start`, as well as that can be
    told: line breaks are held back while they may become a stop string, and come in one piece with
    the token behind them.
    """
    num_breaks = len(text) - len(text.lstrip("\n"))
    return [TokenScore(start + min(at, num_breaks), logprob) for at, logprob in enumerate(logprobs)]


def is_home(model: ModelInfo, language: str) -> bool:
    """Whether a model was trained on a language, by the name of its grammar, or is good for all."""
    return not model.languages or language in model.languages


def may_speak(model: ModelInfo, language: str) -> bool:
    """Whether a model's ghost text is worth showing unasked at all. Elsewhere than at home prose
    is not: of what the starter was sure of there, next to nothing was right (benchmarks/results,
    languages).
    """
    return is_home(model, language) or language not in _PROSE


def shown_unasked(text: str, scores: Sequence[TokenScore], model: ModelInfo, language: str) -> str:
    """Return what of `text` is shown to somebody who has not asked for it; empty if nothing."""
    if not may_speak(model, language):
        return ""
    min_token_logprob = model.min_token_logprob
    if not is_home(model, language) and model.min_token_logprob_elsewhere is not None:
        min_token_logprob = model.min_token_logprob_elsewhere
    return sure_part(
        text,
        scores,
        min_mean_logprob=model.min_mean_logprob,
        min_token_logprob=min_token_logprob,
    )


def sure_part(
    text: str,
    scores: Sequence[TokenScore],
    *,
    min_mean_logprob: float | None,
    min_token_logprob: float | None,
) -> str:
    """Return what of `text` the model is sure of; empty if nothing.

    It is cut before the first line that has a token below `min_token_logprob`, the one that ends
    the line included; of what remains the mean decides. None as a threshold lets everything pass,
    and so does a runtime that reports no scores.
    """
    if min_token_logprob is not None:
        text = _before_doubtful_line(text, scores, min_token_logprob)
    mean = mean_logprob(scores, len(text))
    is_unsure = mean is not None and min_mean_logprob is not None and mean < min_mean_logprob
    return "" if is_unsure else text


def mean_logprob(scores: Sequence[TokenScore], num_chars: int) -> float | None:
    """The mean over the tokens of the first `num_chars` characters and the one that ended them,
    where that is known: whether a line is complete is part of being right. None without any.
    """
    within = [score.logprob for score in scores if score.offset < num_chars]
    ending = [score.logprob for score in scores if score.offset >= num_chars][:1]
    return sum(within + ending) / len(within + ending) if within else None


def _before_doubtful_line(text: str, scores: Sequence[TokenScore], min_logprob: float) -> str:
    """Cut at the line break before the first token that is less likely; a line break belongs to the
    line that it ends. The least likely token tells more than the mean: at equal numbers of shown
    suggestions more are right (benchmarks/results, calibration).
    """
    within = [score for score in scores if score.offset < len(text)]
    ending = [score for score in scores if score.offset >= len(text)][:1]
    doubtful = next((s.offset for s in within + ending if s.logprob < min_logprob), None)
    if doubtful is None:
        return text
    sure = text[: max(0, text.rfind("\n", 0, doubtful))]
    return sure if sure.strip() else ""
