"""Code blocks of Markdown: CommonMark 0.31, section 4.5, and also further indented than there, as
models write them within lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n]*)")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """language: the first word behind the fence, in lower case; may be empty. code: whole lines,
    or nothing. is_closed: whether its closing fence has come.
    """

    language: str
    code: str
    is_closed: bool


def code_blocks(markdown: str) -> tuple[CodeBlock, ...]:
    """All fenced code blocks in order; the last one may have been cut off."""
    blocks: list[CodeBlock] = []
    lines = iter(markdown.split("\n"))
    for line in lines:
        opening = _OPENING.fullmatch(line.rstrip("\r"))
        if opening is None or "`" in _backtick_info(opening):
            continue
        code, is_closed = [], False
        for inner in lines:
            if _closes(inner, opening["fence"]):
                is_closed = True
                break
            code.append(_outdented(inner, len(opening["indent"])))
        language = opening["info"].strip().partition(" ")[0].lower().strip("{}.")
        blocks.append(CodeBlock(language, _joined(code, is_closed), is_closed))
    return tuple(blocks)


def _backtick_info(opening: re.Match[str]) -> str:
    """Behind backticks no backtick may stand: that is inline code."""
    return opening["info"] if opening["fence"].startswith("`") else ""


def _closes(line: str, fence: str) -> bool:
    text = line.strip()
    return len(text) >= len(fence) and text.strip(fence[0]) == "" and text != ""


def _outdented(line: str, width: int) -> str:
    """Without as much of the opening fence's indentation as the line has."""
    num_blank = len(line) - len(line.lstrip(" \t"))
    return line[min(width, num_blank) :]


def _joined(lines: list[str], is_closed: bool) -> str:
    if not is_closed and lines and lines[-1] == "":
        lines = lines[:-1]
    return "".join(line.rstrip("\r") + "\n" for line in lines)
