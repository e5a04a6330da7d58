"""The prompts of all tasks for one small document."""

from __future__ import annotations

import json
from pathlib import Path

from lsp_server.actions.checks import Refused
from lsp_server.actions.order import Order, Problem, Task
from lsp_server.actions.prompting import Prompt, prompt_for
from lsp_server.actions.site import Target
from lsp_server.actions.templates import TASK_PLACEHOLDERS, own_template
from lsp_server.documents import Document
from model_runtime.api import ChatMessage

TEXT = "import math\r\n\r\n\r\ndef area(r):\r\n\treturn math.pi * r\r\n\r\n\r\nprint(area(2))\r\n"
START, END = TEXT.index("def"), TEXT.index("\r\n\r\n\r\nprint") + 2
DOCUMENT = Document.of("file:///home/me/my%20shapes.py", "python", 1, TEXT)
PROBLEM = Problem("r must be squared", START, END, "units", ("Line 8: it is called here",))
TASKS = [name for name in TASK_PLACEHOLDERS if name not in ("chat", "docstring")]


def prompt(name: str, context_length: int | None = None) -> Prompt | Refused:
    task = Task(name)
    order = Order(
        task,
        "title",
        DOCUMENT.uri,
        1,
        START,
        END,
        problem=PROBLEM if task is Task.FIX else None,
        instruction="Square r." if task is Task.EDIT else "",
    )
    target = Target(START, END, "area", is_definition=True)
    more = {"tests": "", "tests_path": "test_my shapes.py"} if task is Task.TESTS else None
    return prompt_for(order, DOCUMENT, target, own_template(name), context_length, more)


def messages(name: str) -> tuple[ChatMessage, ...]:
    made = prompt(name)
    assert isinstance(made, Prompt)
    return made.messages


def check_golden(path: Path, found: object, update: bool) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if update:
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text, "see the difference with --update-golden"
