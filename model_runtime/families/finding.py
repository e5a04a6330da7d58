"""Which family a checkpoint is of."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

from model_runtime.api import UnsupportedModel
from model_runtime.families.formats import Family, missing_pieces
from model_runtime.families.table import CODE_LLAMA, FAMILIES, OTHER

# General models of these makers have the coders' tokens in their tokenizers, but nothing says that
# they were trained with them.
_GENERAL = re.compile(r"(?:qwen|glm|gemma)(?!.*cod)")

IdOf = Callable[[str], int | None]


def find_family(
    name: str, architecture: str, id_of: IdOf, vocab_size: int, override: str = ""
) -> Family:
    """Decide by `override` (a family's name), else by the model's name, else by its tokens.

    name: the folder's or on the hub. architecture: the class in the config. id_of: the tokenizer's.
    Raises UnsupportedModel for an unknown override, and when a family's infilling tokens are
    missing where override or name say that they should be there.
    """
    if override:
        return _checked(family_named(override), name, id_of, vocab_size)
    known = family_called(name, architecture)
    if known is not None:
        return _checked(known, name, id_of, vocab_size)
    return _by_tokens(name, architecture, id_of)


def family_named(name: str) -> Family:
    """The family that settings mean by `name`; spelling may differ in case, dashes and dots. Raises
    UnsupportedModel, which lists the names, the nearest ones first.
    """
    by_name = {family.name: family for family in (*FAMILIES, OTHER)}
    by_spelling = {_spelling(known): family for known, family in by_name.items()}
    found = by_spelling.get(_spelling(name))
    if found is not None:
        return found
    near = get_close_matches(name.lower(), by_name, n=3, cutoff=0.5)
    names = ", ".join(dict.fromkeys((*near, *by_name)))
    raise UnsupportedModel(f"There is no model family {name!r}.", f"Choose one of {names}.")


def _spelling(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def family_called(name: str, architecture: str) -> Family | None:
    """The family that a model's name tells, if it is of one of its architectures."""
    lower = name.lower()
    matching = (f for f in FAMILIES if re.search(f.names, lower))
    return next((f for f in matching if architecture in f.architectures), None)


def _by_tokens(name: str, architecture: str, id_of: IdOf) -> Family:
    return OTHER if _GENERAL.search(name.lower()) else family_with_tokens(architecture, id_of)


def family_with_tokens(architecture: str, id_of: IdOf) -> Family:
    """The family whose infilling tokens a tokenizer has, whatever the model is called."""
    fitting = (
        family
        for family in FAMILIES
        if (architecture in family.architectures or family is CODE_LLAMA)
        and family.told_by_tokens
        and not missing_pieces(family, id_of, vocab_size=1 << 31)
    )
    return next(fitting, OTHER)


def _checked(family: Family, name: str, id_of: IdOf, vocab_size: int) -> Family:
    if family is CODE_LLAMA:  # its members without infilling may come without the tokens
        return family
    missing = missing_pieces(family, id_of, vocab_size)
    if not missing:
        return family
    raise UnsupportedModel(
        f"{name} should be of the family {family.title}, but its tokenizer lacks "
        f"{', '.join(missing)}.",
        'Download the checkpoint again, or set its family to "other" to do without infilling.',
    )
