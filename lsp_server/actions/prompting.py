"""What a model is told for an action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lsp_server.actions.checks import Refused
from lsp_server.actions.order import Order, Task
from lsp_server.actions.templates import Template
from lsp_server.source_text import LINE_BREAK
from model_runtime.api import ChatMessage

if TYPE_CHECKING:
    from lsp_server.actions.site import Target
    from lsp_server.documents import Document
    from lsp_server.source_text import SourceText

_CHARS_PER_TOKEN = 2.5
"""Few, so that code of any language fits."""
_CONTEXT_LENGTH = 8192
"""Taken where a model's is not known."""
_MOST_BEFORE, _MOST_AFTER = 6000, 2000
_MAX_ANSWER_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages, and how long the answer may become."""

    messages: tuple[ChatMessage, ...]
    max_tokens: int


def prompt_for(
    order: Order,
    document: Document,
    target: Target,
    template: Template,
    context_length: int | None,
    more: Mapping[str, str] | None = None,
) -> Prompt | Refused:
    """Fill in a template; refuse code that is too long for the model's context.

    more: values of placeholders that the document does not give.
    """
    code = normalized(document.text.slice(target.start, target.end))
    room = int((context_length or _CONTEXT_LENGTH) * _CHARS_PER_TOKEN)
    grows = order.task in (Task.TESTS, Task.COMPLETE, Task.EXPLAIN, Task.OWN)
    answer = 2 * len(code) + 1500 if grows else len(code) + len(code) // 2 + 400
    answer = min(answer, int(_MAX_ANSWER_TOKENS * _CHARS_PER_TOKEN))
    others = sum(map(len, (more or {}).values())) + len(template.system) + len(template.user)
    left = room - len(code) - answer - others
    if left < 0:
        return Refused("The code is too long for the model; select less of it.")
    before, after = _surroundings(document.text, target, left)
    values = {
        "language": document.language_id,
        "path": file_name(document.uri),
        "name": target.name,
        "before": before,
        "code": code.rstrip("\n"),
        "after": after,
        "instruction": order.instruction,
        **_problem_values(order),
        **(more or {}),
    }
    return Prompt(template.messages(values), max_tokens=int(answer / _CHARS_PER_TOKEN))


def normalized(text: str) -> str:
    """With `\\n` for every line break and no half characters."""
    return LINE_BREAK.sub("\n", text).encode("utf-8", "replace").decode()


def file_name(uri: str) -> str:
    """The name that a document goes by in a prompt; never its folder."""
    return PurePosixPath(unquote(urlsplit(uri).path)).name or "untitled"


def _problem_values(order: Order) -> dict[str, str]:
    problem = order.problem
    if problem is None:
        return {}
    said = f"{problem.message.strip()} ({problem.source})" if problem.source else problem.message
    return {"problem": said, "related": "".join(f"{line}\n" for line in problem.related)}


def _surroundings(text: SourceText, target: Target, room: int) -> tuple[str, str]:
    """Whole lines before and after, as many as there is room for."""
    after_room = min(_MOST_AFTER, room // 3)
    last = min(len(text), target.end + after_room)
    end = last if last == len(text) else max(text.line_start(text.line_at(last)), target.end)
    before_room = min(_MOST_BEFORE, room - (end - target.end))
    first = max(0, target.start - before_room)
    start = first if first == 0 else min(text.line_end(text.line_at(first)), target.start)
    before, after = text.slice(start, target.start), text.slice(target.end, end)
    return normalized(before).strip("\n"), normalized(after).strip("\n")
