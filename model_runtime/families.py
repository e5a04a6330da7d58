"""What each model family's prompts look like. Torch-free.

Code Llama's control tokens and layouts: Rozière et al., arXiv 2308.12950, and Meta's
`llama/generation.py` (`infilling_prompt_tokens`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model_runtime.api import Capability, Layout


@dataclass(frozen=True, slots=True)
class FimPieces:
    """The pieces of a tokenizer's vocabulary that mark the parts of an infilling prompt."""

    prefix: str
    suffix: str
    middle: str
    end: str


@dataclass(frozen=True, slots=True)
class FimIds:
    """The ids of the same."""

    prefix: int
    suffix: int
    middle: int
    end: int


@dataclass(frozen=True, slots=True)
class Family:
    """layouts: prompt orders that the model was trained on, the default first; FROZEN is as good as
    PSM there, being the same but for a middle that has begun.
    """

    name: str
    fim: FimPieces
    layouts: tuple[Layout, ...]


CODE_LLAMA = Family(
    name="code_llama",
    fim=FimPieces(prefix="▁<PRE>", suffix="▁<SUF>", middle="▁<MID>", end="▁<EOT>"),
    layouts=(Layout.SPM, Layout.PSM, Layout.FROZEN),
)


def find_fim_ids(
    family: Family, id_of: Callable[[str], int | None], vocab_size: int
) -> FimIds | None:
    """Look up the family's control ids.

    None when a piece is missing or has no row in the embedding (`vocab_size` rows): Code Llama 34B
    and the Python variants share the tokenizer of the infilling models but were not trained to
    infill.
    """
    pieces = family.fim
    ids = [id_of(piece) for piece in (pieces.prefix, pieces.suffix, pieces.middle, pieces.end)]
    known = [i for i in ids if i is not None and i < vocab_size]
    if len(known) < len(ids):
        return None
    return FimIds(*known)


def capabilities(fim: FimIds | None) -> frozenset[Capability]:
    """What a base model of the Code Llama family can do, told by its control tokens."""
    if fim is None:
        return frozenset({Capability.COMPLETION})
    return frozenset({Capability.COMPLETION, Capability.INFILLING})
