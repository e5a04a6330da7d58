"""Checks a completion's JSON body: every mistake is an InvalidRequest that names the field."""

from __future__ import annotations

import json
from dataclasses import dataclass

from model_runtime.api import CompletionRequest, InvalidRequest, Layout, SamplingParams

MAX_STOP_STRINGS = 64

_MAX_TEMPERATURE = 100.0
_SEED_LIMIT = 2**63

# Fields of OpenAI's API that would change the answer but that this runtime does not have, with the
# values that change nothing.
_UNSUPPORTED = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "logprobs": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
}


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
    request = CompletionRequest(
        prompt=fields.required_text("prompt"),
        suffix=fields.text("suffix"),
        max_tokens=fields.integer("max_tokens", 64, low=1),
        stop=fields.texts("stop"),
        sampling=SamplingParams(
            temperature=fields.number("temperature", 0.0, low=0.0, high=_MAX_TEMPERATURE),
            top_p=fields.number("top_p", 1.0, low=0.0, high=1.0),
            seed=fields.seed("seed"),
        ),
        layout=fields.layout("layout"),
        heal=fields.flag("heal", True),
        document=fields.text("document"),
    )
    return CompletionBody(request, stream=fields.flag("stream", False), model=fields.text("model"))


def _refuse_unsupported(body: dict[str, object]) -> None:
    for name, neutral in _UNSUPPORTED.items():
        value = body.get(name)
        if value is not None and value not in neutral:
            raise InvalidRequest(f"`{name}` is not supported: leave it out, or give {neutral[0]}.")


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

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._body.get(name)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        if len(items) > MAX_STOP_STRINGS:
            raise InvalidRequest(f"`{name}` may have at most {MAX_STOP_STRINGS} strings.")
        texts = tuple(_text(name, item) for item in items)
        if "" in texts:
            raise InvalidRequest(f"`{name}` may not have an empty string.")
        return texts

    def flag(self, name: str, default: bool) -> bool:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise _wrong_type(name, "true or false", value)
        return value

    def integer(self, name: str, default: int, *, low: int) -> int:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong_type(name, "a whole number", value)
        if value < low:
            raise InvalidRequest(f"`{name}` must be at least {low}.")
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
        value = self.integer(name, 0, low=-_SEED_LIMIT)
        if value >= _SEED_LIMIT:
            raise InvalidRequest(f"`{name}` must fit into 64 bits.")
        return value

    def layout(self, name: str) -> Layout:
        value = self.text(name)
        names = [layout.value for layout in Layout]
        if value is None:
            return Layout.AUTO
        if value not in names:
            raise InvalidRequest(f"`{name}` must be one of {', '.join(names)}.")
        return Layout(value)


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
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    return InvalidRequest(f"`{name}` must be {wanted}, not {kinds.get(type(value), 'a number')}.")
