"""Text to token ids and back, exactly as Meta's Code Llama does it with sentencepiece.

transformers' CodeLlamaTokenizer is not used: its infilling ids differ from Meta's (a spurious `▁`
before the suffix, indentation lost when decoding, state that survives a call).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property, lru_cache
from pathlib import Path

from sentencepiece import SentencePieceProcessor

# Sentencepiece puts a dummy space before a text. Encoding behind a character that merges with
# nothing and dropping that character's tokens gives the ids of a text that continues another one
# (Meta's encode_infilling).
_ANCHOR = "☺"
_SPACE = "▁"
_LONGEST_CACHED_LINE = 512


class Tokenizer:
    """A sentencepiece model with Code Llama's conventions.

    Text never turns into control tokens. Sentencepiece keeps that promise for pieces of its type
    CONTROL only, and in Code Llama's own file `▁<PRE>` and its like are ordinary pieces that merge
    from the text ` <PRE>`; so pieces named in `control_pieces` are encoded as the bytes of their
    text. So are pieces from `vocab_size` on: 34B and the Python variants come with the whole
    tokenizer, but their embedding has no rows for its last pieces.
    """

    def __init__(
        self, model_file: Path, control_pieces: Collection[str] = (), vocab_size: int | None = None
    ) -> None:
        self._sp = SentencePieceProcessor(model_file=str(model_file))
        self.size: int = self._sp.get_piece_size()
        self.bos_id: int = self._sp.bos_id()
        self.eos_id: int = self._sp.eos_id()
        self._anchor_ids: list[int] = self._sp.encode(_ANCHOR)
        num_usable = self.size if vocab_size is None else vocab_size
        self._reserved_ids = frozenset(
            i
            for i in range(self.size)
            if i >= num_usable
            or self._sp.is_control(i)
            or self._sp.id_to_piece(i) in control_pieces
        )
        self._bytes = [self._piece_bytes(i) for i in range(self.size)]
        self._lines_are_independent = not any(b"\n" in b and len(b) > 1 for b in self._bytes)
        self._encode_cached = lru_cache(maxsize=1 << 16)(self._encode_uncached)

    def id_of(self, piece: str) -> int | None:
        """Id of a vocabulary piece, None if there is none."""
        index: int = self._sp.piece_to_id(piece)
        return index if self._sp.id_to_piece(index) == piece else None

    def token_bytes(self, token_id: int) -> bytes:
        """The UTF-8 bytes a token stands for; a token may hold part of a character.

        Empty for control tokens, and for tokens that the model has but this vocabulary lacks.
        """
        return self._bytes[token_id] if token_id < self.size else b""

    @cached_property
    def merges_indentation(self) -> bool:
        """Whether the last space of an indentation becomes part of the word behind it (`▁▁▁` +
        `▁return`).
        """
        indent = self._encode_line("    ")
        return self._encode_line("    return")[: len(indent)] != indent

    @property
    def vocabulary(self) -> list[bytes]:
        """`token_bytes` of every id."""
        return self._bytes

    def encode(self, text: str) -> list[int]:
        """Ids of a text that starts a document (with sentencepiece's dummy space where the model
        has one).
        """
        if not text:
            return []
        first, rest = self._split_first_line(text)
        return self._without_reserved(self._sp.encode(first)) + self.encode_continuation(rest)

    def encode_continuation(self, text: str) -> list[int]:
        """Ids of a text that follows another one: no dummy space (Meta's `encode_infilling`)."""
        return [i for line in self.encode_lines(text) for i in line]

    def encode_lines(self, text: str) -> list[tuple[int, ...]]:
        """Like `encode_continuation`, line by line; a line's `\\n` is its last token. Lines are
        cached.
        """
        return [self._encode_line(line) for line in self._split_lines(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids that continue another text; nothing is stripped."""
        return b"".join(self._bytes[i] for i in ids).decode("utf-8", errors="replace")

    def _split_lines(self, text: str) -> list[str]:
        if not self._lines_are_independent:
            return [text] if text else []
        *lines, last = text.split("\n")
        return [line + "\n" for line in lines] + ([last] if last else [])

    def _split_first_line(self, text: str) -> tuple[str, str]:
        end = text.find("\n") + 1
        if not self._lines_are_independent or end == 0:
            return text, ""
        return text[:end], text[end:]

    def _encode_line(self, line: str) -> tuple[int, ...]:
        # Each keystroke makes a new line; endless ones would fill the memory.
        cached = len(line) <= _LONGEST_CACHED_LINE
        return self._encode_cached(line) if cached else self._encode_uncached(line)

    def _encode_uncached(self, line: str) -> tuple[int, ...]:
        ids: list[int] = self._sp.encode(_ANCHOR + line)
        return tuple(self._without_reserved(ids[len(self._anchor_ids) :]))

    def _without_reserved(self, ids: list[int]) -> list[int]:
        if self._reserved_ids.isdisjoint(ids):
            return ids
        return [
            plain for i in ids for plain in (self._as_bytes(i) if i in self._reserved_ids else [i])
        ]

    def _as_bytes(self, token_id: int) -> list[int]:
        text = self._sp.id_to_piece(token_id).replace(_SPACE, " ")
        return [self._sp.piece_to_id(f"<0x{byte:02X}>") for byte in text.encode()]

    def _piece_bytes(self, token_id: int) -> bytes:
        if token_id in self._reserved_ids or self._sp.is_unknown(token_id):
            return b""
        piece: str = self._sp.id_to_piece(token_id)
        if self._sp.is_byte(token_id):
            return bytes([int(piece[3:5], 16)])
        return piece.replace(_SPACE, " ").encode()
