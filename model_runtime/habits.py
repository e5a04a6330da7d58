"""What was found out about a model, as its `config.json` says it in the `fimbria` object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from model_runtime.ngrams import CacheWeights


@dataclass(frozen=True, slots=True)
class Habits:
    """single_line, min_mean_logprob, min_token_logprob, languages, min_token_logprob_elsewhere: see
    ModelInfo. cache: see CacheWeights.
    """

    single_line: bool = False
    min_mean_logprob: float | None = None
    min_token_logprob: float | None = None
    languages: tuple[str, ...] = ()
    min_token_logprob_elsewhere: float | None = None
    cache: CacheWeights = field(default_factory=CacheWeights)


def read_habits(raw: dict[str, Any]) -> Habits:
    """Read the `fimbria` object. Raises TypeError, ValueError for values of the wrong kind."""
    return Habits(
        single_line=bool(raw.get("single_line", False)),
        min_mean_logprob=_number(raw.get("min_mean_logprob")),
        min_token_logprob=_number(raw.get("min_token_logprob")),
        languages=_names(raw.get("languages", [])),
        min_token_logprob_elsewhere=_number(raw.get("min_token_logprob_elsewhere")),
        cache=CacheWeights(**{key: float(value) for key, value in raw.get("cache", {}).items()}),
    )


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(value)
    return tuple(map(str, value))
