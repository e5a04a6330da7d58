"""What each model family's prompts look like, and which family a checkpoint is of. Torch-free."""

from __future__ import annotations

from model_runtime.families.finding import (
    family_called,
    family_named,
    family_with_tokens,
    find_family,
)
from model_runtime.families.formats import (
    ChatFormat,
    Family,
    FileMarks,
    FimIds,
    FimPieces,
    Reach,
    SuffixFirst,
    find_fim_ids,
    missing_pieces,
)
from model_runtime.families.table import CODE_LLAMA, FAMILIES, OTHER

__all__ = [
    "CODE_LLAMA",
    "FAMILIES",
    "OTHER",
    "ChatFormat",
    "Family",
    "FileMarks",
    "FimIds",
    "FimPieces",
    "Reach",
    "SuffixFirst",
    "family_called",
    "family_named",
    "family_with_tokens",
    "find_family",
    "find_fim_ids",
    "missing_pieces",
]
