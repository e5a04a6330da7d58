"""Checks a completion's JSON body: every mistake is an InvalidRequest that names the field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from model_runtime.api import (
    CompletionRequest,
    InvalidRequest,
    Layout,
    Priority,
    SamplingParams,
)

MAX_STOP_STRINGS = 64
MAX_CANDIDATES = 8
MAX_DRAFTS = 16
MAX_DRAFT_LEN = 16_384
"""Characters of one draft: more than any answer is long."""

_MAX_TEMPERATURE = 100.0
_SEED_LIMIT = 2**63

Choice = TypeVar("Choice", bound=StrEnum)

# Fields of OpenAI's API that would change the answer but that this runtime does not have, with the
# values that change nothing.
_UNSUPPORTED = {
    "best_of": (1,),
    "echo": (False,),
    "logprobs": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
}


_FIELDS = frozenset(
    [
        "model",
        "prompt",
        "suffix",
        "max_tokens",
        "stop",
        "temperature",
        "top_p",
        "seed",
        "stream",
        "layout",
        "heal",
        "document",
        "priority",
        "n",
        "drafts",
        "speculate",
        "snippets",
        "path",
        "repository",
    ]
)


@dataclass(frozen=True, slots=True)
class CompletionBody:
    """A checked request body."""

    request: CompletionRequest
    stream: bool
    model: str | None
    """The model that the client asks for; None takes the one there is."""


def parse_json(body: bytes) -> dict[str, object]:
    """The JSON object in `body`. Raises InvalidRequest."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return value


def parse_completion(body: dict[str, object]) -> CompletionBody:
    """Read a body of POST /v1/completions. Raises InvalidRequest."""
    fields = _Fields(body)
    _refuse_unsupported(body)
    _refuse_misspelt(body)
    request = CompletionRequest(
        prompt=fields.required_text("prompt"),
        suffix=fields.text("suffix"),
        max_tokens=fields.integer("max_tokens", 64, low=0),
        stop=fields.stop_strings("stop"),
        sampling=SamplingParams(
            temperature=fields.number("temperature", 0.0, low=0.0, high=_MAX_TEMPERATURE),
            top_p=fields.number("top_p", 1.0, low=0.0, high=1.0),
            seed=fields.seed("seed"),
        ),
        layout=fields.choice("layout", Layout.AUTO),
        heal=fields.flag("heal", True),
        document=fields.text("document"),
        priority=fields.choice("priority", Priority.COMPLETION),
        num_candidates=fields.integer("n", 1, low=1, high=MAX_CANDIDATES),
        drafts=fields.drafts("drafts"),
        speculate=fields.flag("speculate", True),
    )
    return CompletionBody(request, stream=fields.flag("stream", False), model=fields.text("model"))


def _refuse_misspelt(body: dict[str, object]) -> None:
    """A field that other engines know may be ignored; one that almost has the name of ours is
    surely meant to be it.
    """
    for name in body.keys() - _FIELDS - _UNSUPPORTED.keys():
        near = get_close_matches(name, _FIELDS, n=1, cutoff=0.85)
        if near:
            raise InvalidRequest(f"`{name}` is no field. Did you mean `{near[0]}`?")


def _refuse_unsupported(body: dict[str, object]) -> None:
    for name, neutral in _UNSUPPORTED.items():
        value = body.get(name)
        if value is not None and value not in neutral:
            given = json.dumps(neutral[0])
            raise InvalidRequest(f"`{name}` is not supported: leave it out, or give {given}.")


class _Fields:
    """Typed access to an object's members; null counts as absent."""

    def __init__(self, body: dict[str, object]) -> None:
        self._body = body

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise InvalidRequest(f"`{name}` is required.")
        return value

    def text(self, name: str) -> str | None:
        value = self._body.get(name)
        return None if value is None else _text(name, value)

    def stop_strings(self, name: str) -> tuple[str, ...]:
        texts = self._texts(name, MAX_STOP_STRINGS)
        if "" in texts:
            raise InvalidRequest(f"`{name}` may not have an empty string.")
        return texts

    def drafts(self, name: str) -> tuple[str, ...]:
        texts = self._texts(name, MAX_DRAFTS)
        if any(len(text) > MAX_DRAFT_LEN for text in texts):
            raise InvalidRequest(f"`{name}`: each may have at most {MAX_DRAFT_LEN} characters.")
        return texts

    def flag(self, name: str, default: bool) -> bool:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise _wrong_type(name, "true or false", value)
        return value

    def integer(self, name: str, default: int, *, low: int, high: int | None = None) -> int:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong_type(name, "a whole number", value)
        if value < low:
            raise InvalidRequest(f"`{name}` must be at least {low}.")
        if high is not None and value > high:
            raise InvalidRequest(f"`{name}` must be at most {high}.")
        return value

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _wrong_type(name, "a number", value)
        if not low <= value <= high:  # which holds for no NaN
            raise InvalidRequest(f"`{name}` must be from {low:g} to {high:g}.")
        return float(value)

    def seed(self, name: str) -> int | None:
        if self._body.get(name) is None:
            return None
        return self.integer(name, 0, low=-_SEED_LIMIT, high=_SEED_LIMIT - 1)

    def choice(self, name: str, default: Choice) -> Choice:
        """A member of `default`'s enumeration, by its value."""
        value, kind = self.text(name), type(default)
        names = [member.value for member in kind]
        if value is None:
            return default
        if value not in names:
            raise InvalidRequest(f"`{name}` must be one of {', '.join(names)}.")
        return kind(value)

    def _texts(self, name: str, max_len: int) -> tuple[str, ...]:
        value = self._body.get(name)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        if len(items) > max_len:
            raise InvalidRequest(f"`{name}` may have at most {max_len} strings.")
        return tuple(_text(name, item) for item in items)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(name, "a string", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        # Without "from": that error's message quotes the text.
        raise InvalidRequest(f"`{name}` has half a surrogate pair, which is no text.") from None
    return value


def _wrong_type(name: str, wanted: str, value: object) -> InvalidRequest:
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a string"}
    given = kinds.get(type(value)) or json.dumps(value)
    return InvalidRequest(f"`{name}` must be {wanted}, not {given}.")
