"""What a family's table entry says: control tokens, the order of an infilling prompt, chat format.
Torch-free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from model_runtime.api import Layout


class SuffixFirst(StrEnum):
    """How a family writes the order suffix, prefix, middle (`Layout.SPM`)."""

    MARKED = "<PRE><SUF>suffix<MID>prefix"
    """The middle simply goes on behind the prefix."""
    BARE = "<SUF>suffix<PRE>prefix"
    """Likewise, without a marker of the middle."""
    CLOSED = "<SUF>suffix<PRE>prefix<MID>"
    """A marker stands between prefix and middle, as in PSM."""


class ChatFormat(StrEnum):
    """Who says what a conversation's prompt looks like."""

    LLAMA2 = "llama2"
    """`[INST] <<SYS>> … <</SYS>> … [/INST]`, a BOS and an EOS for each turn."""
    SOURCE = "source"
    """Code Llama 70B's `Source: user … <step>`."""
    TEMPLATE = "template"
    """The checkpoint's own Jinja template."""


@dataclass(frozen=True, slots=True)
class FimPieces:
    """The pieces of a tokenizer's vocabulary that mark the parts of an infilling prompt; those that
    a family does not have are empty. end: what ends the middle, besides the family's stops.
    """

    prefix: str = ""
    suffix: str = ""
    middle: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class FimIds:
    """The ids of the same; -1 for those that a family does not have."""

    prefix: int
    suffix: int
    middle: int
    end: int


@dataclass(frozen=True, slots=True)
class FileMarks:
    """How files of a repository stand beside each other in a prompt, as in the family's training;
    `{}` is a name or path.

    repository: before the first file. file: before each of the other files. current: before the
    markers of the current file, head: behind them, at the beginning of its prefix. in_prefix: the
    other files are part of the prefix. always: `current` stands there without other files, too.
    commented: marks and files stand there as comments of the current file's language. share: they
    take the context's so-manieth part at most. least_room: with fewer tokens for prompts, none.
    """

    file: str
    repository: str = ""
    current: str = ""
    head: str = ""
    in_prefix: bool = False
    always: bool = False
    commented: bool = False
    share: int = 4
    least_room: int = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """Models that were trained with at least so many tokens, and rotary positions of this base,
    stay good up to `context_length` tokens.
    """

    trained: int
    rope_theta: float
    context_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One row of the table.

    name: as in settings. title: for people. models: what belongs to it, the first one as advice.
    fim: no infilling without it. layouts: prompt orders that the model was trained on, the default
    first; FROZEN is as good as PSM there, being the same but for a middle that has begun.
    before, after: what stands around an infilling prompt; control tokens are written as pieces.
    start: what a document starts with where that is not the tokenizer's BOS. stops: further pieces
    that end an answer. controls: further pieces that never come from a text.
    names: expression for the model's name, in lower case; architectures: of the config.
    no_infilling: expression for the names of members that have the tokens but not the training.
    told_by_tokens: no other models of these architectures have the infilling tokens.
    base_has_template: base models come with the chat template, too, so that the name must tell.
    needs_conversion: the published checkpoints run with code of their own only.
    """

    name: str
    title: str = ""
    models: tuple[str, ...] = ()
    fim: FimPieces = FimPieces()
    layouts: tuple[Layout, ...] = ()
    suffix_first: SuffixFirst = SuffixFirst.MARKED
    before: str = ""
    after: str = ""
    start: str = ""
    stops: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    files: FileMarks | None = None
    chat: ChatFormat = ChatFormat.TEMPLATE
    names: str = ""
    architectures: tuple[str, ...] = ()
    no_infilling: str = ""
    told_by_tokens: bool = True
    base_has_template: bool = False
    needs_conversion: bool = False
    reach: Reach | None = None
    quirks: tuple[str, ...] = ()

    @property
    def pieces(self) -> frozenset[str]:
        """Every control token that the entry names."""
        fim = self.fim
        named = (fim.prefix, fim.suffix, fim.middle, fim.end, *self.stops, *self.controls)
        return frozenset(piece for piece in named if piece)


def find_fim_ids(
    family: Family, id_of: Callable[[str], int | None], vocab_size: int
) -> FimIds | None:
    """Look up the family's control ids.

    None when the family has none, or when a piece is missing or has no row in the embedding
    (`vocab_size` rows): Code Llama 34B and the Python variants share the tokenizer of the infilling
    models but were not trained to infill.
    """
    pieces = family.fim
    if missing_pieces(family, id_of, vocab_size) or not pieces.prefix:
        return None
    ids = [id_of(piece) for piece in (pieces.prefix, pieces.suffix, pieces.middle, pieces.end)]
    return FimIds(*(-1 if i is None else i for i in ids))


def missing_pieces(
    family: Family, id_of: Callable[[str], int | None], vocab_size: int
) -> tuple[str, ...]:
    """The infilling tokens of a family that a tokenizer, or the model's embedding, lacks."""
    pieces = family.fim
    return tuple(
        piece
        for piece in (pieces.prefix, pieces.suffix, pieces.middle, pieces.end)
        if piece and not _has_row(id_of(piece), vocab_size)
    )


def _has_row(token: int | None, vocab_size: int) -> bool:
    return token is not None and token < vocab_size
