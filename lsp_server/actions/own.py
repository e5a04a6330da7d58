"""Actions that users write themselves, in their settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lsp_server.actions.templates import NEEDED, PLACEHOLDERS, read_template

_KIND = re.compile(r"\w[\w-]*(\.\w[\w-]*)*")
_NAMES = ("title", "prompt", "kind", "result")


@dataclass(frozen=True, slots=True)
class OwnAction:
    """An action of the user's. prompt: a template's text (see templates.py). kind: a code action
    kind. result: whether the answer takes the place of the code, or is shown.
    """

    title: str
    prompt: str
    kind: str
    result: Literal["edit", "answer"]


class SomeWrong(ValueError):
    """What is wrong with some of the actions; `usable` are the others."""

    def __init__(self, message: str, usable: tuple[OwnAction, ...]) -> None:
        super().__init__(message)
        self.usable = usable


def own_actions(value: object) -> tuple[OwnAction, ...]:
    """Read the setting `actions`. Raises ValueError: what it must be; SomeWrong where that is true
    of single actions.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError("a list of actions, each with a title and a prompt")
    actions: dict[str, OwnAction] = {}
    wrong: list[str] = []
    for number, item in enumerate(value, 1):
        try:
            action = _own_action(item, number)
            if action.title in actions:
                raise ValueError(f'actions with different titles; two are called "{action.title}"')
        except ValueError as error:
            wrong.append(str(error))
        else:
            actions[action.title] = action
    if wrong:
        raise SomeWrong(_all_of(wrong), tuple(actions.values()))
    return tuple(actions.values())


def _all_of(wrong: Sequence[str]) -> str:
    """Every mistake, in one sentence."""
    return "; and ".join(wrong)


def _own_action(item: object, number: int) -> OwnAction:
    if not isinstance(item, Mapping):
        raise ValueError(
            f"a list of actions, each with a title and a prompt; number {number} is not one"
        )
    unknown = next((name for name in item if name not in _NAMES), None)
    if unknown is not None:
        names = ", ".join(_NAMES)
        raise ValueError(f'actions that consist of {names}; number {number} has "{unknown}"')
    title, prompt = item.get("title"), item.get("prompt")
    if not isinstance(title, str) or not title.strip() or not isinstance(prompt, str):
        raise ValueError(
            f"actions with a title and a prompt, both texts; number {number} lacks one"
        )
    result = item.get("result", "edit")
    if result not in ("edit", "answer"):
        raise ValueError(f'actions whose result is edit or answer; that of "{title}" is neither')
    try:
        read_template(prompt, PLACEHOLDERS, NEEDED if result == "edit" else ())
    except ValueError as error:
        raise ValueError(f'actions with sound prompts; in that of "{title}", {error}') from None
    default = "refactor.rewrite" if result == "edit" else "fimbria.answer"
    kind = item.get("kind", default)
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise ValueError(f'actions of a kind such as refactor.rewrite; that of "{title}" is not')
    return OwnAction(title.strip(), prompt, kind, result)
