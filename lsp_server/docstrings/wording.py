"""What can be said about a thing by its name alone."""

from __future__ import annotations

import re

from lsp_server.docstrings.facts import Parameter, Signature

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+|[^\W_]+")
_QUESTIONS = frozenset(["is", "has", "have", "can", "should", "was", "were", "does", "are"])
_AMOUNTS = {"num": "Number of", "n": "Number of", "max": "Largest", "min": "Smallest"}
_SPECIAL = {
    "__init__": "Set up a new instance.",
    "__new__": "Make a new instance.",
    "__call__": "Call this as a function.",
    "__repr__": "Show this as source code.",
    "__str__": "Show this as text.",
    "__len__": "Count the items.",
    "__iter__": "Go through the items.",
    "__next__": "Take the next item.",
    "__enter__": "Enter the context.",
    "__exit__": "Leave the context.",
    "__aenter__": "Enter the context.",
    "__aexit__": "Leave the context.",
    "__eq__": "Compare with another object.",
    "__hash__": "Hash this object.",
    "__del__": "Clean up.",
}


def words(name: str) -> list[str]:
    """Split an identifier; words are in lower case but for abbreviations."""
    found = _WORD.findall(name)
    return [word if len(word) > 1 and word.isupper() else word.lower() for word in found]


def summary(signature: Signature) -> str:
    """One sentence about a definition."""
    if signature.name in _SPECIAL:
        return _SPECIAL[signature.name]
    parts = words(signature.name)
    if not parts:
        return "Undocumented."
    if parts[0] in _QUESTIONS and len(parts) > 1 and not signature.is_class:
        return f"Tell whether it {parts[0]} {' '.join(parts[1:])}."
    return sentence(" ".join(parts))


def about(parameter: Parameter) -> str:
    """One sentence about a parameter or a field."""
    parts = words(parameter.name)
    if parameter.stars == "*":
        return "Further positional arguments."
    if parameter.stars == "**":
        return "Further keyword arguments."
    if len(parts) > 1 and parts[0] in _QUESTIONS:
        return f"Whether it {' '.join(parts)}."
    if len(parts) > 1 and parts[0] in _AMOUNTS:
        return f"{_AMOUNTS[parts[0]]} {' '.join(parts[1:])}."
    return sentence("the " + " ".join(parts)) if parts else "Not used."


def outcome(type_: str) -> str:
    """One sentence about what is returned."""
    return "Whether it is so." if type_ == "bool" else "The result."


def cause(exception: str) -> str:
    """The rest of a sentence that begins with "If"."""
    parts = words(exception.rpartition(".")[2])
    parts = [part for part in parts if part not in ("error", "exception", "std")]
    if not parts:
        return "something goes wrong."
    return f"there is {_with_article(' '.join(parts))} error."


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return text[:1].upper() + text[1:] + "."


def predicate(signature: Signature) -> str:
    """The rest of a sentence that begins with the name of a definition."""
    parts = words(signature.name) or ["it"]
    if signature.is_class:
        return f"is {_with_article(' '.join(parts))}."
    return " ".join([_third_person(parts[0]), *parts[1:]]) + "."


def _with_article(thing: str) -> str:
    return f"{'an' if thing[0].lower() in 'aeiou' else 'a'} {thing}"


def _third_person(verb: str) -> str:
    if verb.endswith(("s", "x", "z", "ch", "sh")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"
