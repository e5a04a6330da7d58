"""Whether a summary has to do with what it summarises."""

from __future__ import annotations

import re

from lsp_server.docstrings.facts import Signature
from lsp_server.docstrings.wording import words

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_SAYS_NOTHING = frozenset(
    [
        *("a", "an", "the", "this", "that", "it", "which", "self", "cls", "none", "args", "kwargs"),
        *("as", "at", "by", "for", "from", "in", "into", "of", "on", "to", "with", "and", "or"),
        *("are", "be", "is", "will", "given", "if", "not", "return", "returns", "use", "used"),
    ]
)
_MIN_STEM = 4


def content_words(text: str) -> list[str]:
    """The words of a sentence, in lower case, that say something."""
    found = (each.lower() for name in _IDENTIFIER.findall(text) for each in words(name))
    return [word for word in found if len(word) > 1 and word not in _SAYS_NOTHING]


def topics(signature: Signature) -> frozenset[str]:
    """The words of a definition's signature."""
    listed = [*(signature.parameters or ()), *(signature.attributes or ())]
    outcomes = [each for each in (signature.returns, signature.yields) if each is not None]
    texts = [*(f"{each.name} {each.type}" for each in listed), *(each.type for each in outcomes)]
    return frozenset(content_words(" ".join([signature.name, *texts, *signature.raises])))


def relates(summary: str, name: str, about: frozenset[str]) -> bool:
    """Whether a summary shares a word with the name, or, if it is more than one word, with the rest
    of the signature. What cannot be told, of names that say nothing and other scripts, passes.
    """
    said, named = content_words(summary), content_words(name)
    if not named or not summary.isascii():
        return True
    known = named if len(said) < 2 else {*named, *about}
    return any(_is_same(part, word) for part in known for word in said)


def _is_same(part: str, word: str) -> bool:
    """Whether two words have the same stem, or the first is short for the second (`rm`, `fmt`)."""
    short, long = sorted((part, word), key=len)
    if long.startswith(short) and (len(short) > 2 or short == long):
        return True
    if part[:_MIN_STEM] == word[:_MIN_STEM] and len(short) > _MIN_STEM:
        return True
    return len(part) < _MIN_STEM and part[0] == word[0] and _is_within(part, word)


def _is_within(part: str, word: str) -> bool:
    letters = iter(word)
    return all(letter in letters for letter in part)
