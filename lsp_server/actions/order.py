"""One action that a user can choose, in a form that goes through the editor and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsp_server.documents import Document


class Task(StrEnum):
    """What can be asked for; the value names the prompt's template, where there is one."""

    FIX = "fix"
    EXPLAIN = "explain"
    DOCUMENT = "document"
    TESTS = "tests"
    SIMPLIFY = "simplify"
    ANNOTATE = "annotate"
    COMPLETE = "complete"
    EDIT = "edit"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that another tool has found in the document, from one offset to another.

    source: who says so. related: further places and what is said of them, one line each.
    """

    message: str
    start: int
    end: int
    source: str = ""
    related: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Its first line, shortened."""
        line = " ".join(self.message.strip().partition("\n")[0].split())
        return line if len(line) <= 80 else f"{line[:79].rstrip()}…"


@dataclass(frozen=True, slots=True)
class Order:
    """An action on what lies between two offsets of one version of a document (see Document).

    instruction: for Task.EDIT, what to do. own: for Task.OWN, the title of the user's action.
    """

    task: Task
    title: str
    uri: str
    version: int
    start: int
    end: int
    problem: Problem | None = None
    instruction: str = ""
    own: str = ""
    edition: int = 0

    def is_for(self, document: Document) -> bool:
        """Whether it was made for this state of its document."""
        same = (document.version, document.edition) == (self.version, self.edition)
        return same and max(self.start, self.end) <= len(document.text)

    def to_data(self) -> dict[str, object]:
        """JSON, for `from_data`."""
        data: dict[str, object] = {
            name: getattr(self, name)
            for name in (
                *("title", "uri", "version", "edition", "start", "end"),
                *("instruction", "own"),
            )
        }
        data["task"] = self.task.value
        if self.problem is not None:
            found = self.problem
            data["problem"] = {
                "message": found.message,
                "start": found.start,
                "end": found.end,
                "source": found.source,
                "related": list(found.related),
            }
        return data

    @classmethod
    def from_data(cls, data: object) -> Order:
        """Read what `to_data` has made. Raises ValueError for anything else."""
        values = _mapping(data)
        problem = values.get("problem")
        return cls(
            task=Task(_text(values, "task")),
            title=_text(values, "title"),
            uri=_text(values, "uri"),
            version=_number(values, "version"),
            start=_number(values, "start"),
            end=_number(values, "end"),
            problem=None if problem is None else _problem(_mapping(problem)),
            instruction=_text(values, "instruction"),
            own=_text(values, "own"),
            edition=_number(values, "edition"),
        )


def _problem(values: Mapping[str, object]) -> Problem:
    related = values.get("related")
    return Problem(
        message=_text(values, "message"),
        start=_number(values, "start"),
        end=_number(values, "end"),
        source=_text(values, "source"),
        related=tuple(map(str, related)) if isinstance(related, list | tuple) else (),
    )


def _mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    raise ValueError("This is not one of Fimbria's actions.")


def _text(values: Mapping[str, object], name: str) -> str:
    value = values.get(name)
    if isinstance(value, str):
        return value
    raise ValueError(f'The action lacks "{name}".')


def _number(values: Mapping[str, object], name: str) -> int:
    value = values.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return int(value)
    raise ValueError(f'The action lacks "{name}".')
