"""The commands' descriptions, without the line breaks that they have in the source: a terminal has
a width of its own.
"""

from __future__ import annotations

import re
from typing import Any

# Between two lines of running text: what is indented is an example, and a heading stands alone.
_SOFT_BREAK = re.compile(r"(?<=[^\n\]])\n(?=[^\s])")


def unwrapped(text: str) -> str:
    """Running text in one line a paragraph; indented lines and headings stay as they are."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(map(_joined, paragraphs))


def unwrap_help(command: Any) -> None:
    """Do that to the help and the epilogue of a click command and of those below it."""
    for part in ("help", "short_help", "epilog"):
        if text := getattr(command, part, None):
            setattr(command, part, unwrapped(text))
    for inner in getattr(command, "commands", {}).values():
        unwrap_help(inner)


def _joined(paragraph: str) -> str:
    has_examples = any(line.startswith(" ") for line in paragraph.split("\n"))
    return paragraph if has_examples else _SOFT_BREAK.sub(" ", paragraph)
