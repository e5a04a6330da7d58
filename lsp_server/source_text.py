"""A text that is edited all the time, with an index of its lines.

Only `\\n`, `\\r\\n` and a lone `\\r` end a line, as the Language Server Protocol says;
`str.splitlines` knows seven more and must not be used. The text is kept in blocks of some hundred
lines, so that a typed character copies and indexes one block and not a file of a megabyte.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

LINE_BREAK = re.compile(r"\r\n?|\n")
BLOCK_CHARS = 8192


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    breaks: tuple[int, ...]
    """Offsets within the block behind each of its line breaks."""

    @classmethod
    def of(cls, text: str) -> _Block:
        return cls(text, tuple(match.end() for match in LINE_BREAK.finditer(text)))


@dataclass(frozen=True, slots=True, eq=False)
class SourceText:
    """An immutable text. Offsets count code points; there is one line more than line breaks.

    blocks: what the text consists of; all but the last end with a line break, none with half of
    one.
    block_starts: the offset of each block.
    breaks_before: the number of line breaks before each block.
    """

    blocks: tuple[_Block, ...]
    block_starts: tuple[int, ...]
    breaks_before: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> SourceText:
        return cls._from_blocks(_split(text))

    @classmethod
    def _from_blocks(cls, blocks: Iterable[_Block]) -> SourceText:
        kept = tuple(block for block in blocks if block.text) or (_Block("", ()),)
        starts = accumulate((len(block.text) for block in kept[:-1]), initial=0)
        breaks = accumulate((len(block.breaks) for block in kept[:-1]), initial=0)
        return cls(kept, tuple(starts), tuple(breaks))

    def __len__(self) -> int:
        return self.block_starts[-1] + len(self.blocks[-1].text)

    def __str__(self) -> str:
        return "".join(block.text for block in self.blocks)

    @property
    def num_lines(self) -> int:
        return self.breaks_before[-1] + len(self.blocks[-1].breaks) + 1

    def line_start(self, line: int) -> int:
        """Offset of a line's first character; `line` from 0 to `num_lines` - 1."""
        if line == 0:
            return 0
        block = bisect_left(self.breaks_before, line) - 1
        return (
            self.block_starts[block]
            + self.blocks[block].breaks[line - self.breaks_before[block] - 1]
        )

    def line_end(self, line: int) -> int:
        """Offset behind a line's line break."""
        return self.line_start(line + 1) if line + 1 < self.num_lines else len(self)

    def line_at(self, offset: int) -> int:
        """Number of the line that an offset from 0 to the text's length lies in."""
        block = self._block_at(offset)
        relative = offset - self.block_starts[block]
        return self.breaks_before[block] + bisect_right(self.blocks[block].breaks, relative)

    def slice(self, start: int, end: int) -> str:
        """Return the text between two offsets, 0 ≤ `start` ≤ `end` ≤ length."""
        first, last = self._block_at(start), self._block_at(end)
        text = "".join(block.text for block in self.blocks[first : last + 1])
        return text[start - self.block_starts[first] : end - self.block_starts[first]]

    def replaced(self, start: int, end: int, new: str) -> SourceText:
        """Return the text with `new` between two offsets, 0 ≤ `start` ≤ `end` ≤ length."""
        first, last = self._block_at(start), self._block_at(end)
        if first > 0 and self.blocks[first - 1].text.endswith("\r"):
            first -= 1  # a "\n" that comes to lie behind this "\r" is part of the same line break
        at = self.block_starts[first]
        text = "".join(block.text for block in self.blocks[first : last + 1])
        merged = text[: start - at] + new + text[end - at :]
        return self._from_blocks([*self.blocks[:first], *_split(merged), *self.blocks[last + 1 :]])

    def main_line_break(self) -> str:
        """Return the most frequent line break; `\\n` where there are none or as many."""
        crlf = self._count("\r\n")
        counts = {"\n": self._count("\n") - crlf, "\r\n": crlf, "\r": self._count("\r") - crlf}
        return max(counts, key=lambda kind: counts[kind])

    def _count(self, piece: str) -> int:
        return sum(block.text.count(piece) for block in self.blocks)

    def _block_at(self, offset: int) -> int:
        return bisect_right(self.block_starts, offset) - 1


def num_common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _split(text: str) -> list[_Block]:
    blocks, start = [], 0
    while len(text) - start > 2 * BLOCK_CHARS:
        match = LINE_BREAK.search(text, start + BLOCK_CHARS)
        if match is None:
            break
        blocks.append(_Block.of(text[start : match.end()]))
        start = match.end()
    return [*blocks, _Block.of(text[start:])]
