"""Types that a model writes in front of a description, or in place of one: types come from the
signature alone.
"""

from __future__ import annotations

import re

_LABELLED = re.compile(r"(?P<head>[^:]{1,80}?)\s*(?P<mark>:|\s--?|\s[–—])\s+(?P<rest>\S.*)")
_BRACED = re.compile(r"(?:\{[^{}]*\}|\([^()]*\)\s*:)\s*(?=\S)")
_NOTATION = re.compile(
    r"`[^`]*`|~?[\w.]+\[.*\]|[\w.\[\]]+(?:\s*\|\s*[\w.\[\], ]+)+|[A-Z]+[a-z]+[A-Z]\w*"
)
_TYPES = frozenset(
    [
        *("str", "string", "strings", "bytes", "bytearray", "path", "pathlike", "none", "null"),
        *("int", "ints", "integer", "integers", "float", "floats", "number", "bool", "bools"),
        *("boolean", "booleans", "list", "lists", "array", "arrays", "tuple", "tuples", "tensor"),
        *("dict", "dicts", "set", "sets", "frozenset", "mapping", "sequence", "iterable"),
        *("iterator", "generator", "callable", "ndarray", "any", "self", "type", "void"),
    ]
)
_BETWEEN = frozenset(["or", "of", "and", "optional", "default", "defaults", "to", "the", "a", "an"])


def without_type(line: str, *, may_open_with_type: bool = False) -> str:
    """Cut off what a docstring's style would read as a type; empty where nothing else is there.

    may_open_with_type: at this place everything before a colon is one (Google's `Returns:`).
    """
    line = _BRACED.sub("", line, count=1) if _BRACED.match(line) else line
    while match := _LABELLED.fullmatch(line):
        head, rest = match["head"], match["rest"]
        if is_type(head) or (match["mark"] == ":" and _is_label(head)):
            line = rest
        elif match["mark"] == ":" and may_open_with_type:
            line = head
        else:
            break
    return "" if is_type(line) else line


def is_type(text: str) -> bool:
    """Whether a text names one type or several and says nothing else."""
    text = text.strip(" .*")
    if _NOTATION.fullmatch(text):
        return True
    words = re.findall(r"\w+", text.lower())
    return not _TYPES.isdisjoint(words) and _TYPES.union(_BETWEEN).issuperset(words)


def _is_label(head: str) -> bool:
    return len(head.split()) == 1 or any(mark in head for mark in "`[|{")
