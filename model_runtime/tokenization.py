"""Text to token ids and back: what every tokenizer does, and how sentencepiece's do it.

Code Llama's ids are exactly Meta's. transformers' CodeLlamaTokenizer is not used: its infilling ids
differ from Meta's (a spurious `▁` before the suffix, indentation lost when decoding, state that
survives a call). For byte-level BPE see bpe.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Protocol

from sentencepiece import SentencePieceProcessor

from model_runtime.healing import split_for_healing
from model_runtime.markers import looks_like_marker, user_defined_ids

# Sentencepiece puts a dummy space before a text. Encoding behind a character that merges with
# nothing and dropping that character's tokens gives the ids of a text that continues another one
# (Meta's encode_infilling).
_ANCHOR = "☺"
_SPACE = "▁"
_LONGEST_CACHED_LINE = 512


Ids = tuple[int, ...]


class Tokenizer(Protocol):
    """Text never turns into control tokens: what looks like one is encoded as plain text.

    A text is encoded in parts that are tokenized independently, so that a keystroke costs one part:
    lines where no token holds a line break and something else, else as safe_cuts.py finds them.
    """

    @property
    def size(self) -> int:
        """Number of ids."""

    @property
    def bos_id(self) -> int:
        """The token that a document starts with; -1 if there is none."""

    @property
    def eos_id(self) -> int:
        """The token that ends a document; -1 if there is none."""

    @property
    def vocabulary(self) -> list[bytes]:
        """`token_bytes` of every id."""

    @property
    def merges_indentation(self) -> bool:
        """Whether the last space of an indentation becomes part of the word behind it (`▁▁▁` +
        `▁return`).
        """

    @property
    def control_pieces(self) -> Mapping[str, int]:
        """The control tokens that the model has, and their ids."""

    def id_of(self, piece: str) -> int | None:
        """Id of a vocabulary piece, None if there is none."""

    def token_bytes(self, token_id: int) -> bytes:
        """The UTF-8 bytes a token stands for; a token may hold part of a character.

        Empty for control tokens, and for tokens that the model has but this vocabulary lacks.
        """

    def encode(self, text: str) -> list[int]:
        """Ids of a text that starts a document, without `bos_id`."""

    def encode_continuation(self, text: str) -> list[int]:
        """Ids of a text that follows another one."""

    def encode_lines(self, text: str) -> list[Ids]:
        """Like `encode_continuation`, part by part; no part is empty, and the edges between them
        touch line breaks. Parts are cached.
        """

    def as_start(self, line: Ids) -> Ids:
        """The ids that one of `encode_lines`' parts has where it starts a document."""

    def encode_for_healing(self, text: str) -> tuple[list[Ids], str]:
        """Like `encode_lines` up to the last place in the last line where a token surely ends,
        whatever is typed next; and the text behind that place (see healing.py).
        """

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids that continue another text; nothing is stripped."""


class SentencePieceTokenizer:
    """A sentencepiece model with Code Llama's conventions; a `Tokenizer`.

    Sentencepiece keeps a text from becoming control tokens for pieces of its type CONTROL only. In
    Code Llama's own file `▁<PRE>` and its like are ordinary pieces that merge from the text
    ` <PRE>`, and many families' markers are of the type USER_DEFINED, which are cut out of any
    text. So pieces named in `control_pieces`, and user-defined ones that look like markers, are
    spelled character by character. So are pieces from `vocab_size` on: 34B and the Python variants
    come with the whole tokenizer, but their embedding has no rows for its last pieces.

    added: ids of control tokens that a checkpoint names outside the model file (in
    `tokenizer_config.json`): further ones, or other names for pieces that were kept free for them.
    """

    def __init__(
        self,
        model_file: Path,
        control_pieces: Collection[str] = (),
        vocab_size: int | None = None,
        added: Mapping[str, int] | None = None,
    ) -> None:
        self._sp = SentencePieceProcessor(model_file=str(model_file))
        self._added = dict(added or {})
        self.size: int = self._sp.get_piece_size()
        self.bos_id: int = self._sp.bos_id()
        self.eos_id: int = self._sp.eos_id()
        self._anchor_ids: list[int] = self._sp.encode(_ANCHOR)
        num_usable = self.size if vocab_size is None else vocab_size
        self._reserved_ids = self._find_reserved(control_pieces, num_usable)
        self._num_usable = num_usable
        self._bytes = [self._piece_bytes(i) for i in range(self.size)]
        self._line = _independent_lines(self._bytes)
        self._encode_cached = lru_cache(maxsize=1 << 16)(self._encode_uncached)

    @cached_property
    def control_pieces(self) -> Mapping[str, int]:
        held = (i for i in self._reserved_ids if i < self._num_usable)
        return {self._sp.id_to_piece(i): i for i in held} | self._added

    def id_of(self, piece: str) -> int | None:
        if piece in self._added:
            return self._added[piece]
        index: int = self._sp.piece_to_id(piece)
        return index if self._sp.id_to_piece(index) == piece else None

    def token_bytes(self, token_id: int) -> bytes:
        return self._bytes[token_id] if token_id < self.size else b""

    @cached_property
    def merges_indentation(self) -> bool:
        indent = self._encode_line("    ")
        return self._encode_line("    return")[: len(indent)] != indent

    @property
    def vocabulary(self) -> list[bytes]:
        return self._bytes

    def encode(self, text: str) -> list[int]:
        """Ids of a text that starts a document (with sentencepiece's dummy space where the model
        has one).
        """
        if not text:
            return []
        first = self.split_lines(text)[0]
        rest = self.encode_continuation(text[len(first) :])
        return self._encode_start(first) + rest

    def encode_continuation(self, text: str) -> list[int]:
        """Ids of a text that follows another one: no dummy space (Meta's `encode_infilling`)."""
        return [i for line in self.encode_lines(text) for i in line]

    def encode_lines(self, text: str) -> list[Ids]:
        """Like `encode_continuation`, line by line; a line's `\\n` is its last token. Lines are
        cached.
        """
        return [self._encode_line(line) for line in self.split_lines(text)]

    def as_start(self, line: Ids) -> Ids:
        return tuple(self._encode_start(self.decode(line)))

    def encode_for_healing(self, text: str) -> tuple[list[Ids], str]:
        kept, tail = split_for_healing(text, merges_indentation=self.merges_indentation)
        return self.encode_lines(kept), tail

    def decode(self, ids: Iterable[int]) -> str:
        return b"".join(self._bytes[i] for i in ids).decode("utf-8", errors="replace")

    def split_lines(self, text: str) -> list[str]:
        """The parts that `encode_lines` encodes."""
        return self._line.findall(text)

    def _encode_start(self, line: str) -> list[int]:
        return self._without_reserved(self._sp.encode(line))

    def _encode_line(self, line: str) -> Ids:
        # Each keystroke makes a new line; endless ones would fill the memory.
        cached = len(line) <= _LONGEST_CACHED_LINE
        return self._encode_cached(line) if cached else self._encode_uncached(line)

    def _encode_uncached(self, line: str) -> Ids:
        ids: list[int] = self._sp.encode(_ANCHOR + line)
        return tuple(self._without_reserved(ids[len(self._anchor_ids) :]))

    def _without_reserved(self, ids: list[int]) -> list[int]:
        if self._reserved_ids.isdisjoint(ids):
            return ids
        return [
            plain for i in ids for plain in (self._spell(i) if i in self._reserved_ids else [i])
        ]

    def _spell(self, token_id: int) -> Iterator[int]:
        """Ids of a reserved piece's text, a character each; sentencepiece knows every character,
        or the bytes of it.
        """
        for character in self._sp.id_to_piece(token_id):
            index: int = self._sp.piece_to_id(character)
            if not (self._sp.is_unknown(index) or index in self._reserved_ids):
                yield index
                continue
            for byte in character.replace(_SPACE, " ").encode():
                yield self._sp.piece_to_id(f"<0x{byte:02X}>")

    def _find_reserved(self, control_pieces: Collection[str], num_usable: int) -> frozenset[int]:
        user_defined = user_defined_ids(self._sp.serialized_model_proto())
        return frozenset(i for i in self._added.values() if i < self.size) | frozenset(
            i
            for i in range(self.size)
            if i >= num_usable
            or self._sp.is_control(i)
            or self._sp.id_to_piece(i) in control_pieces
            or (i in user_defined and looks_like_marker(self._sp.id_to_piece(i)))
        )

    def _piece_bytes(self, token_id: int) -> bytes:
        if token_id in self._reserved_ids or self._sp.is_unknown(token_id):
            return b""
        piece: str = self._sp.id_to_piece(token_id)
        if self._sp.is_byte(token_id):
            return bytes([int(piece[3:5], 16)])
        return piece.replace(_SPACE, " ").encode()


def _independent_lines(pieces: Iterable[bytes]) -> re.Pattern[str]:
    """Parts of a text that no piece reaches beyond: lines, lines with the empty ones behind them
    (Gemma has pieces of several line breaks), or the whole text.
    """
    with_breaks = [piece for piece in pieces if len(piece) > 1 and b"\n" in piece]
    if not with_breaks:
        return re.compile(r"[^\n]*\n|[^\n]+")
    if all(set(piece) == {ord("\n")} for piece in with_breaks):
        return re.compile(r"[^\n]*\n+|[^\n]+")
    return re.compile(r"(?s).+")
