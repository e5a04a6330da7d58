"""Markdown that editors draw: code in fences, and answers that load nothing when they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_FENCE = re.compile(r"(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)")
_CODE_SPAN = re.compile(r"(?<![`\\])(`+)(?!`).+?(?<!`)\1(?!`)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_IMAGE = re.compile(r"!(?=\[)")


def fenced(text: str, language_id: str) -> str:
    """A code block, in no language where that is empty; its fence is longer than any within."""
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return f"{ticks}{language_id}\n{text.removesuffix(chr(10))}\n{ticks}"


def without_images(text: str) -> str:
    """Make images links, and tags text, outside of code: a previewer that loads a picture tells its
    address, in which a model can have been made to put what it was shown.
    """
    return "\n".join(_harmless_lines(text.split("\n")))


def _harmless_lines(lines: Iterable[str]) -> Iterator[str]:
    fence = ""
    for line in lines:
        found = _FENCE.fullmatch(line.rstrip())
        is_code = bool(fence or found)
        if fence:
            is_end = found and found["ticks"].startswith(fence) and not found["info"].strip()
            fence = "" if is_end else fence
        elif found:
            fence = found["ticks"]
        yield line if is_code else _plain(line)


def _plain(line: str) -> str:
    """A line outside of code blocks, with what would be loaded made harmless."""
    parts, end = [], 0
    for span in _CODE_SPAN.finditer(line):
        parts += [_harmless(line[end : span.start()]), span.group()]
        end = span.end()
    return "".join([*parts, _harmless(line[end:])])


def _harmless(text: str) -> str:
    return _TAG.sub("&lt;", _IMAGE.sub("", text))
