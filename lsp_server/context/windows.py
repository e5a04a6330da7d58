"""The text around the cursor, in windows whose edges stay where they are.

A model can reuse what it computed for the last request as long as the prompt begins the same. So an
edge lies on a line break and moves in hops; typing in one place moves it once in thousands of
characters. The start is found from the file's start and the end from the file's end, because that
is what typing in between leaves alone. The runtime trims exactly, by tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lsp_server.rest_of_line import only_closes
from lsp_server.source_text import SourceText

PREFIX_CHARS = 32_768
PREFIX_HOP = 8_192
SUFFIX_CHARS = 16_384
SUFFIX_HOP = 4_096

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CursorContext:
    """The text before and after the cursor that counts, every line break as `\\n`."""

    prefix: str
    suffix: str

    @property
    def line_before(self) -> str:
        """The cursor's line up to the cursor."""
        return self.prefix[self.prefix.rfind("\n") + 1 :]

    @property
    def rest_of_line(self) -> str:
        """The cursor's line from the cursor on."""
        return self.suffix.partition("\n")[0]

    @property
    def model_suffix(self) -> str:
        """What a model sees of `suffix`: not the rest of the line if that only closes something.

        A model knows what it has to close, and brackets that an editor closes while they are typed
        would change the text behind the cursor, hence a suffix-first prompt from its beginning.
        """
        rest = self.rest_of_line
        return self.suffix[len(rest) :] if only_closes(self.line_before, rest) else self.suffix

    @property
    def stands_before_word(self) -> bool:
        """Whether a letter, digit or underscore follows the cursor at once."""
        return re.match(r"\w", self.suffix) is not None

    @property
    def previous_line(self) -> str:
        """The last line above the cursor's that is not blank; empty if there is none."""
        above = self.prefix.rpartition("\n")[0].rstrip()
        return above[above.rfind("\n") + 1 :]

    @property
    def next_line(self) -> str:
        """The first line below the cursor's that is not blank; empty if there is none."""
        below = self.suffix.partition("\n")[2].lstrip("\n")
        return next((line for line in below.split("\n") if line.strip()), "")


def cursor_context(text: SourceText, offset: int) -> CursorContext:
    """Return the windows before and after `offset`."""
    prefix = text.slice(prefix_start(text, offset), offset)
    suffix = text.slice(offset, suffix_end(text, offset))
    return CursorContext(plain(prefix), plain(suffix))


def with_text_above(context: CursorContext, above: str) -> CursorContext:
    """The same place in a text that has `above` before it; its beginning is cut off in hops."""
    whole = plain(above) + context.prefix
    edge = _hops(len(whole) - PREFIX_CHARS, PREFIX_HOP)
    line_start = whole.find("\n", edge - 1) + 1 if edge else 0
    start = line_start if edge <= line_start <= edge + PREFIX_HOP else edge
    return replace(context, prefix=whole[start:])


def before_typing(context: CursorContext, typed: str) -> CursorContext:
    """The same place without the text that was typed there last."""
    return replace(context, prefix=context.prefix.removesuffix(plain(typed)))


def prefix_start(text: SourceText, offset: int) -> int:
    """Start of the window before `offset`: the first line start behind a multiple of the hop."""
    edge = _hops(offset - PREFIX_CHARS, PREFIX_HOP)
    if edge == 0:
        return 0
    line_start = text.line_end(text.line_at(edge - 1))
    return line_start if line_start <= min(edge + PREFIX_HOP, offset) else edge


def suffix_end(text: SourceText, offset: int) -> int:
    """End of the window after `offset`: the last line start before a multiple of the hop."""
    edge = len(text) - _hops(len(text) - offset - SUFFIX_CHARS, SUFFIX_HOP)
    if edge == len(text):
        return edge
    line_start = text.line_start(text.line_at(edge))
    return line_start if line_start > max(edge - SUFFIX_HOP, offset) else edge


def _hops(excess: int, hop: int) -> int:
    """Round what is too much up to whole hops."""
    return max(0, -(-excess // hop) * hop)


def plain(text: str) -> str:
    """Make line breaks `\\n`, and replace halves of surrogate pairs, which UTF-8 cannot express."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
