"""Where a text for a byte-level BPE tokenizer can be cut without changing its tokens. Torch-free.

Such tokenizers first split a text into words by regular expressions, then each word into tokens.
Words do not end where lines end: there are words such as `)\\n\\n` and `\\n    `, and whether a
run of white space is one word or two depends on what follows it (`\\s+(?!\\S)`). So each cut is
proven by the tokenizer itself: where two neighbouring blocks of lines give the same words apart as
together, the blocks are independent.

A block is a line that is not blank with the blank lines behind it, so that every run of white space
with a line break in it lies inside the two blocks that are tried. That is proof enough if the
expressions look at nothing before a word and, behind it, no further than past one run of white
space: true of every published tokenizer's that we know (GPT-2, StarCoder 2, Qwen 2.5, Llama 3,
DeepSeek, o200k), and checked by `can_be_cut` as far as it can be. Other tokenizers' texts are never
cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Words = tuple[tuple[int, ...], ...]
"""The ids of each word."""

_BLOCK = re.compile(r"\s*\S[^\n]*(?:\n(?:[^\S\n]*\n)*)?|\s+")

_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]")
_HARMLESS_ESCAPE = re.compile(r"\\[^bBAzZGK1-9]")
# Word and text boundaries, references, looking behind: what a word is then depends on what lies
# before it.
_CONTEXT = re.compile(r"\\|\(\?<|[\^$]")
_LINE_BREAKS = frozenset({"[\r\n]", r"[\r\n]", "\n", r"\n"})


def blocks(text: str) -> list[str]:
    """Lines that are not blank, each with the blank lines behind it; the first one with those
    before it too. White space at the very end may be a block of its own.
    """
    return _BLOCK.findall(text)


def find_cut(left: str, right: str, words: Callable[[str], Words]) -> int | None:
    """Where `left + right` falls into two texts that are tokenized independently: between them,
    else before the white space that ends `left`; None if at neither.

    left starts at such a cut itself; right is the block behind it.
    """
    joined = left + right
    together = words(joined)
    for cut in (len(left), len(left.rstrip())):
        if cut and together == words(joined[:cut]) + words(joined[cut:]):
            return cut
    return None


def can_be_cut(
    pre_tokenizer: Mapping[str, Any] | None, normalizer: Mapping[str, Any] | None
) -> bool:
    """Whether `find_cut` may be believed, told by a `tokenizer.json`'s entries of these names."""
    if pre_tokenizer is None or not _keeps_lines_apart(normalizer):
        return False
    lines_are_split = False
    for step in _steps(pre_tokenizer, "pretokenizers"):
        if not (lines_are_split or _looks_at_no_context(step)):
            return False
        lines_are_split = lines_are_split or _splits_lines(step)
    return True


def _steps(entry: Mapping[str, Any], children: str) -> Iterator[Mapping[str, Any]]:
    if entry["type"] != "Sequence":
        yield entry
        return
    for child in entry[children]:
        yield from _steps(child, children)


def _keeps_lines_apart(normalizer: Mapping[str, Any] | None) -> bool:
    """Composing characters (NFC) never reaches over white space."""
    if normalizer is None:
        return True
    return all(step["type"] == "NFC" for step in _steps(normalizer, "normalizers"))


def _looks_at_no_context(step: Mapping[str, Any]) -> bool:
    if step["type"] == "ByteLevel":
        return not step["add_prefix_space"]
    if step["type"] != "Split":
        return step["type"] in ("Digits", "Punctuation")
    pattern = step["pattern"].get("Regex", "")
    rest = _HARMLESS_ESCAPE.sub("", _CLASS.sub("", pattern))
    return _CONTEXT.search(rest) is None


def _splits_lines(step: Mapping[str, Any]) -> bool:
    """Whether each line break becomes a word of its own, so that later steps see single lines."""
    if step["type"] != "Split" or step["behavior"] != "Isolated" or step.get("invert"):
        return False
    return not _LINE_BREAKS.isdisjoint(step["pattern"].values())
