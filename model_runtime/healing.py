"""Token healing: a cursor inside a word must not split what the model knows as one token.
Torch-free.

Suffix-first training never breaks a token between prefix and middle, so a prompt that ends in the
middle of one is unlike anything the model has seen (Code Llama, arXiv 2308.12950, appendix E). The
prompt is cut back to the last safe boundary, and generation is held to the removed bytes until they
have all come back.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

# What a token can span at the end of a line: a word with the space before it, or a short run of
# punctuation.
_UNSAFE_TAIL = re.compile(r" ?\w{0,24}$| ?[^\w\s]{1,3}$")


def split_for_healing(prefix: str, *, merges_indentation: bool) -> tuple[str, str]:
    """Split `prefix` into what is safe to encode and the tail to regenerate; never across a line
    break.

    An indentation stays whole, so that a user's dedent is not undone, except for its last space
    where the tokenizer would join that to the next word.
    """
    line_start = prefix.rfind("\n") + 1
    line = prefix[line_start:]
    if not line.strip():
        has_space = line.endswith(" ") and merges_indentation
        cut = len(prefix) - 1 if has_space else len(prefix)
        return prefix[:cut], prefix[cut:]
    tail = _UNSAFE_TAIL.search(line)
    cut = line_start + tail.start() if tail else len(prefix)
    if not prefix[line_start:cut].strip() and prefix[cut : cut + 1] == " ":
        cut += 1
    return prefix[:cut], prefix[cut:]


class ByteVocabulary:
    """Finds the tokens that can begin a given run of bytes."""

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        """token_bytes: the bytes of each id; ids with none (control tokens) are never found."""
        known = sorted((b, i) for i, b in enumerate(token_bytes) if b)
        self._bytes = [b for b, _ in known]
        self._ids = [i for _, i in known]
        self._longest = max(map(len, self._bytes))

    def compatible(self, target: bytes) -> list[int]:
        """Ids whose bytes start with `target`, or that `target` starts with. `target` must not be
        empty.
        """
        return self._starting_with(target) + self._proper_prefixes_of(target)

    def _starting_with(self, target: bytes) -> list[int]:
        # A single space begins a third of some vocabularies: no loop over what is found.
        start = bisect_left(self._bytes, target)
        end = bisect_right(self._bytes, target, start, key=lambda b: b[: len(target)])
        return self._ids[start:end]

    def _proper_prefixes_of(self, target: bytes) -> list[int]:
        found = []
        for end in range(1, min(len(target), self._longest + 1)):
            prefix = target[:end]
            start = bisect_left(self._bytes, prefix)
            found += self._ids[start : bisect_right(self._bytes, prefix, start)]
        return found
