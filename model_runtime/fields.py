"""Typed reading of a JSON body: every mistake is an InvalidRequest that names the field."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from model_runtime.api import InvalidRequest, SamplingParams

MAX_STOP_STRINGS = 64
MAX_CANDIDATES = 8
MAX_DRAFTS = 16
MAX_DRAFT_LEN = 16_384
"""Characters of one draft: more than any answer is long."""

_MAX_TEMPERATURE = 100.0
_SEED_LIMIT = 2**63

Choice = TypeVar("Choice", bound=StrEnum)


def parse_json(body: bytes) -> dict[str, object]:
    """The JSON object in `body`. Raises InvalidRequest."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return value


def refuse_misspelt(
    body: Mapping[str, object], known: Collection[str], others: Collection[str]
) -> None:
    """Raise InvalidRequest for a field that almost has the name of a known one and is surely meant
    to be it. Fields that other engines know may be ignored; `others` are dealt with elsewhere.
    """
    for name in body:
        if name in known or name in others:
            continue
        near = get_close_matches(name, known, n=1, cutoff=0.85)
        if near:
            raise InvalidRequest(f"`{name}` is no field. Did you mean `{near[0]}`?")


def refuse_unsupported(
    body: Mapping[str, object], unsupported: Mapping[str, tuple[object, ...]], where: str = ""
) -> None:
    """Raise InvalidRequest for a field that would change the answer but is not supported, unless
    it has one of the values that change nothing. where: what stands before the field's name.
    """
    for name, neutral in unsupported.items():
        value = body.get(name)
        if value is None or value in neutral:
            continue
        advice = f"leave it out, or give {json.dumps(neutral[0])}" if neutral else "leave it out"
        raise InvalidRequest(f"`{where}{name}` is not supported: {advice}.")


class Fields:
    """Typed access to an object's members; null counts as absent.

    where: what stands before a member's name in an error, such as `messages[2].`.
    """

    def __init__(self, body: Mapping[str, object], where: str = "") -> None:
        self._body = body
        self._where = where

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise InvalidRequest(f"`{self._where}{name}` is required.")
        return value

    def text(self, name: str) -> str | None:
        value = self._body.get(name)
        return None if value is None else checked_text(self._where + name, value)

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
            raise wrong_type(self._where + name, "true or false", value)
        return value

    def integer(self, name: str, default: int, *, low: int, high: int | None = None) -> int:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(name, "a whole number", value)
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
            raise wrong_type(name, "a number", value)
        if not low <= value <= high:  # which holds for no NaN
            raise InvalidRequest(f"`{name}` must be from {low:g} to {high:g}.")
        return float(value)

    def sampling(self) -> SamplingParams:
        seeded = self._body.get("seed") is not None
        return SamplingParams(
            temperature=self.number("temperature", 0.0, low=0.0, high=_MAX_TEMPERATURE),
            top_p=self.number("top_p", 1.0, low=0.0, high=1.0),
            seed=self.integer("seed", 0, low=-_SEED_LIMIT, high=_SEED_LIMIT - 1)
            if seeded
            else None,
        )

    def choice(self, name: str, default: Choice) -> Choice:
        """A member of `default`'s enumeration, by its value."""
        value, kind = self.text(name), type(default)
        names = [member.value for member in kind]
        if value is None:
            return default
        if value not in names:
            raise InvalidRequest(f"`{name}` must be one of {', '.join(names)}.")
        return kind(value)

    def objects(self, name: str, most: int) -> list[tuple[str, Mapping[str, object]]]:
        """The objects of a list, each with its name for an error."""
        value = self._body.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong_type(self._where + name, "a list", value)
        if len(value) > most:
            raise InvalidRequest(f"`{self._where}{name}` may have at most {most} members.")
        named = [(f"{self._where}{name}[{number}]", item) for number, item in enumerate(value)]
        for item_name, item in named:
            if not isinstance(item, dict):
                raise wrong_type(item_name, "an object", item)
        return named

    def wants_usage(self) -> bool:
        """`include_usage` of OpenAI's `stream_options`."""
        options = self._body.get("stream_options")
        if options is None:
            return False
        if not isinstance(options, dict):
            raise wrong_type("stream_options", "an object", options)
        return Fields(options, "stream_options.").flag("include_usage", False)

    def _texts(self, name: str, max_len: int) -> tuple[str, ...]:
        value = self._body.get(name)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        if len(items) > max_len:
            raise InvalidRequest(f"`{name}` may have at most {max_len} strings.")
        return tuple(checked_text(name, item) for item in items)


def checked_text(name: str, value: object) -> str:
    """The text that `value` is, `\\r\\n` as `\\n`, as requests have it: models have hardly seen the
    former. Raises InvalidRequest.
    """
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        # Without "from": that error's message quotes the text.
        raise InvalidRequest(f"`{name}` has half a surrogate pair, which is no text.") from None
    return value.replace("\r\n", "\n")


def wrong_type(name: str, wanted: str, value: object) -> InvalidRequest:
    """What to say of a value that is no `wanted`."""
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a string"}
    given = kinds.get(type(value)) or json.dumps(value)
    return InvalidRequest(f"`{name}` must be {wanted}, not {given}.")
