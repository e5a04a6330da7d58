"""Reading the parameters of our own requests: what is wrong with them is said by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from lsp_server.positions import Position

_UNSET: Any = object()


class Fields:
    """The members of one JSON object, read by their types.

    path: where the object stands within the parameters; empty for the parameters themselves. All
    methods raise JsonRpcInvalidParams; without `default` the member must be there. A member that is
    null counts as left out.
    """

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise wrong(path or "params", "an object")
        self._members = value
        self._path = path

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def text(self, name: str, default: str = _UNSET) -> str:
        return str(self._member(name, str, "a text", default))

    def filled(self, name: str) -> str:
        """A text that is not blank."""
        text = self.text(name)
        if not text.strip():
            raise wrong(self._path_of(name), "a text that is not empty")
        return text

    def flag(self, name: str, default: bool) -> bool:
        return bool(self._member(name, bool, "true or false", default))

    def number(self, name: str, low: int, high: int, default: int = _UNSET) -> int:
        value = self._member(name, int, "a whole number", default)
        if isinstance(value, bool) or not low <= value <= high:
            raise wrong(self._path_of(name), f"a whole number from {low} to {high}")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...], default: str = _UNSET) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise wrong(self._path_of(name), f"one of {', '.join(choices)}")
        return value

    def objects(self, name: str) -> list[Fields]:
        """Objects in an array, which may be left out."""
        values = self._member(name, list, "an array", [])
        path = self._path_of(name)
        return [Fields(value, f"{path}[{index}]") for index, value in enumerate(values)]

    def fields(self, name: str) -> Fields:
        return Fields(self._members.get(name), self._path_of(name))

    def position(self, name: str) -> Position:
        fields = self.fields(name)
        return Position(
            fields.number("line", 0, 2**31 - 1), fields.number("character", 0, 2**31 - 1)
        )

    def range(self, name: str) -> tuple[Position, Position]:
        fields = self.fields(name)
        return fields.position("start"), fields.position("end")

    def token(self, name: str) -> str | int | None:
        """A progress token."""
        value = self._members.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise wrong(self._path_of(name), "a text or a whole number")
        return value

    def json(self, name: str) -> Any:
        """Whatever it is; None if it is left out."""
        return self._members.get(name)

    def _member(self, name: str, kind: type, expected: str, default: Any) -> Any:
        value = self._members.get(name)
        if value is None:
            value = default
        if value is _UNSET or not isinstance(value, kind):
            raise wrong(self._path_of(name), expected)
        return value

    def _path_of(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def wrong(path: str, expected: str) -> JsonRpcInvalidParams:
    """The error for a member that is not what it must be."""
    return JsonRpcInvalidParams(f'"{path}" must be {expected}.')
