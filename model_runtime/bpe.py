"""Byte-level BPE tokenizers, as in the `tokenizer.json` of Qwen2.5-Coder, StarCoder2,
DeepSeek-Coder or Granite. Torch-free, and free of transformers.

Merging is left to the `tokenizers` library; what this module adds are parts that are encoded once
(safe_cuts.py), texts that never become control tokens, and the bytes of each token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_runtime.api import UnsupportedModel
from model_runtime.byte_alphabet import piece_bytes
from model_runtime.markers import looks_like_marker
from model_runtime.safe_cuts import Words, blocks, can_be_cut, find_cut
from model_runtime.tokenization import Ids, Tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Encoder

_LONGEST_CACHED_PART = 2048
_NUM_CACHED_PARTS = 1 << 14

# These stand for all that may be typed next: letters of either case, among them those that end a
# contraction ('s, 're, 'll), a digit, punctuation, a symbol. A word that ends before each of them
# ends there whatever comes.
_NEXT_CHARACTERS = ("e", "l", "s", "A", "1", "(", "=")
_MAX_PROBED = 128
_MAX_HEALED = 48

_DOWNLOAD = "Download the checkpoint again."

# UTF-8 has no such bytes, so vocabularies may do without them.
_NEVER_IN_UTF8 = frozenset({0xC0, 0xC1, *range(0xF5, 0x100)})


@dataclass(frozen=True, slots=True)
class _AddedToken:
    id: int
    content: str
    special: bool

    @property
    def is_control(self) -> bool:
        return self.special or looks_like_marker(self.content)


class BpeTokenizer:
    """A `tokenizer.json` of the byte-level BPE kind; a `model_runtime.tokenization.Tokenizer`.

    The library cuts "added tokens" out of any text, special or not, so the encoder here knows none
    of them but runs of white space (GPT-NeoX has them): `<|im_end|>` in a file is spelled with
    ordinary tokens. So are pieces from `vocab_size` on, for which the model has no rows.
    """

    def __init__(
        self,
        file: Path,
        bos: str | None = None,
        eos: str | None = None,
        vocab_size: int | None = None,
    ) -> None:
        """bos, eos: the tokens that begin and end a document. Raises UnsupportedModel, OSError."""
        content = _read(file)
        vocab: dict[str, int] = content["model"]["vocab"]
        added = _added_tokens(content)
        self._ids = vocab | {token.content: token.id for token in added}
        self.size: int = max(self._ids.values()) + 1
        self.bos_id: int = -1 if bos is None else self._known(bos, file)
        self.eos_id: int = -1 if eos is None else self._known(eos, file)
        every_bytes = _bytes_by_id(vocab, added)
        unusable = range(self.size if vocab_size is None else vocab_size, self.size)
        reserved = {token.id for token in added if token.is_control} | set(unusable)
        self._spellings = {i: every_bytes.get(i, b"") for i in reserved}
        self.control_pieces: Mapping[str, int] = {
            token.content: token.id
            for token in added
            if token.is_control and token.id not in unusable
        }
        self._bytes = [b"" if i in reserved else every_bytes.get(i, b"") for i in range(self.size)]
        self._byte_ids = _find_bytes(self._bytes, file)
        self._encoder, self._true_ids = _make_encoder(content, added, file)
        self._can_be_cut = can_be_cut(content["pre_tokenizer"], content["normalizer"])
        self._words_cached = lru_cache(_NUM_CACHED_PARTS)(self._words_uncached)
        self._ids_cached = lru_cache(_NUM_CACHED_PARTS)(self._ids_uncached)
        self._find_cut_cached = lru_cache(_NUM_CACHED_PARTS)(self._find_cut_uncached)

    @property
    def vocabulary(self) -> list[bytes]:
        return self._bytes

    @cached_property
    def merges_indentation(self) -> bool:
        indent = self._words("    ")
        return self._words("    return")[: len(indent)] != indent

    def id_of(self, piece: str) -> int | None:
        return self._ids.get(piece)

    def token_bytes(self, token_id: int) -> bytes:
        return self._bytes[token_id] if token_id < self.size else b""

    def encode(self, text: str) -> list[int]:
        return self.encode_continuation(text)

    def encode_continuation(self, text: str) -> list[int]:
        return [i for part in self.encode_lines(text) for i in part]

    def encode_lines(self, text: str) -> list[Ids]:
        return list(map(self._part_ids, self.split_lines(text)))

    def as_start(self, line: Ids) -> Ids:
        return line

    def split_lines(self, text: str) -> list[str]:
        """The parts that `encode_lines` encodes."""
        if not self._can_be_cut:
            return [text] if text else []
        return list(self._split(text))

    def encode_for_healing(self, text: str) -> tuple[list[Ids], str]:
        parts = self.split_lines(text)
        if not parts:
            return [], ""
        last = parts.pop()
        kept, tail = self._split_for_healing(last)
        ids = list(map(self._part_ids, parts))
        return [*ids, kept] if kept else ids, tail

    def decode(self, ids: Iterable[int]) -> str:
        return b"".join(self._bytes[i] for i in ids).decode("utf-8", errors="replace")

    def _known(self, piece: str, file: Path) -> int:
        if piece not in self._ids:
            raise UnsupportedModel(f"The tokenizer in {file} lacks {piece}.", _DOWNLOAD)
        return self._ids[piece]

    def _split(self, text: str) -> Iterator[str]:
        part = ""
        for block in blocks(text):
            cut = self._find_cut(part, block) if part else None
            part += block
            if cut is not None:
                yield part[:cut]
                part = part[cut:]
        if part:
            yield part

    def _find_cut(self, left: str, right: str) -> int | None:
        cached = len(left) + len(right) <= _LONGEST_CACHED_PART
        return (self._find_cut_cached if cached else self._find_cut_uncached)(left, right)

    def _find_cut_uncached(self, left: str, right: str) -> int | None:
        return find_cut(left, right, self._words)

    def _part_ids(self, part: str) -> Ids:
        cached = len(part) <= _LONGEST_CACHED_PART
        return (self._ids_cached if cached else self._ids_uncached)(part)

    def _ids_uncached(self, part: str) -> Ids:
        return tuple(chain.from_iterable(self._words(part)))

    def _words(self, text: str) -> Words:
        # Each keystroke makes a new part; endless ones would fill the memory.
        cached = len(text) <= _LONGEST_CACHED_PART
        return self._words_cached(text) if cached else self._words_uncached(text)

    def _words_uncached(self, text: str) -> Words:
        encoding = self._encoder.encode(text, add_special_tokens=False)
        words = groupby(zip(encoding.word_ids, encoding.ids, strict=True), key=itemgetter(0))
        return tuple(tuple(self._plain(i for _, i in word)) for _, word in words)

    def _plain(self, encoder_ids: Iterable[int]) -> Iterator[int]:
        for encoder_id in encoder_ids:
            token = self._true_ids.get(encoder_id, encoder_id)
            if token in self._spellings:
                yield from map(self._byte_ids.__getitem__, self._spellings[token])
            else:
                yield token

    def _split_for_healing(self, part: str) -> tuple[Ids, str]:
        """A part's ids up to the last safe place in its last line, and the text behind that."""
        cut = self._safe_end(part)
        before = self._ids_before(part, cut) if cut < len(part) else None
        return (self._part_ids(part), "") if before is None else (before, part[cut:])

    def _safe_end(self, part: str) -> int:
        """The last place in a part's last line where a word surely ends, whatever comes next; the
        part's end if there is none nearby.
        """
        line_start = part.rfind("\n") + 1
        if line_start == len(part):
            return len(part)
        first = max(0, len(part) - _MAX_PROBED)
        probed = part[first:]
        starts = [self._word_starts(probed + following) for following in _NEXT_CHARACTERS]
        nearest = max(line_start, len(part) - _MAX_HEALED)
        safe = [first + at for at in set.intersection(*starts)]
        return max((at for at in safe if nearest <= at <= len(part)), default=len(part))

    def _word_starts(self, text: str) -> set[int]:
        encoding = self._encoder.encode(text, add_special_tokens=False)
        words = groupby(zip(encoding.word_ids, encoding.offsets, strict=True), key=itemgetter(0))
        return {next(word)[1][0] for _, word in words}

    def _ids_before(self, part: str, cut: int) -> Ids | None:
        """The ids of `part` up to `cut` if more follows; None if no word starts there after all:
        `_safe_end` looks at the end of a long line only.
        """
        encoding = self._encoder.encode(part + _NEXT_CHARACTERS[0], add_special_tokens=False)
        starts = [start for start, _ in encoding.offsets]
        if cut not in starts:
            return None
        return tuple(self._plain(encoding.ids[: starts.index(cut)]))


def _read(file: Path) -> dict[str, Any]:
    """The file's content with the entries that may be missing. Raises UnsupportedModel, OSError."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        is_bpe = content["model"]["type"] == "BPE" and _has_byte_level(content["pre_tokenizer"])
        content = {"added_tokens": [], "normalizer": None} | content
        _added_tokens(content)
    except (ValueError, KeyError, TypeError) as error:
        raise UnsupportedModel(f"{file} is not a tokenizer: {error!r}.", _DOWNLOAD) from error
    if not is_bpe:
        raise UnsupportedModel(
            f"The tokenizer in {file} is not a byte-level BPE.",
            "Fimbria needs a tokenizer.model beside the weights of such a model.",
        )
    return content


def _added_tokens(content: Mapping[str, Any]) -> list[_AddedToken]:
    return [_AddedToken(t["id"], t["content"], t["special"]) for t in content["added_tokens"]]


def _has_byte_level(pre_tokenizer: Mapping[str, Any] | None) -> bool:
    if pre_tokenizer is None:
        return False
    children = pre_tokenizer.get("pretokenizers", ())
    return pre_tokenizer["type"] == "ByteLevel" or any(map(_has_byte_level, children))


def _make_encoder(
    content: Mapping[str, Any], added: Iterable[_AddedToken], file: Path
) -> tuple[Encoder, dict[int, int]]:
    """An encoder for plain text, and the true ids of those of its own that may differ. Raises
    UnsupportedModel.
    """
    # Importing it takes a while.
    from tokenizers import AddedToken
    from tokenizers import Tokenizer as Encoder

    nothing = dict.fromkeys(("post_processor", "truncation", "padding", "decoder"))
    plain = json.dumps({**content, **nothing, "added_tokens": []}, ensure_ascii=False)
    try:
        encoder = Encoder.from_str(plain)
    except Exception as error:  # the library raises nothing more specific
        raise UnsupportedModel(f"{file} is not a tokenizer: {error}.", _DOWNLOAD) from error
    blank = [token for token in added if token.content.isspace()]
    encoder.add_tokens([AddedToken(token.content, normalized=False) for token in blank])
    own_ids = ((encoder.token_to_id(token.content), token.id) for token in blank)
    return encoder, {own: true for own, true in own_ids if own is not None}


def _bytes_by_id(vocab: Mapping[str, int], added: Iterable[_AddedToken]) -> dict[int, bytes]:
    """The bytes that each token's text stands for, control tokens' names included."""
    in_vocab = {i: piece_bytes(piece) for piece, i in vocab.items()}
    # DeepSeek-Coder lists bytes that never occur among its added tokens, by their stand-ins.
    single = {t.id: piece_bytes(t.content) for t in added if len(t.content) == 1}
    return in_vocab | single | {t.id: t.content.encode() for t in added if len(t.content) > 1}


def _find_bytes(token_bytes: list[bytes], file: Path) -> dict[int, int]:
    """The token of each single byte. Raises UnsupportedModel if there is a text that they cannot
    spell.
    """
    ids = {piece[0]: i for i, piece in enumerate(token_bytes) if len(piece) == 1}
    missing = set(range(0x100)) - ids.keys() - _NEVER_IN_UTF8
    if missing:
        raise UnsupportedModel(
            f"The tokenizer in {file} has no tokens for {len(missing)} of 256 bytes.",
            _DOWNLOAD,
        )
    return ids


if TYPE_CHECKING:
    _is_a_tokenizer: type[Tokenizer] = BpeTokenizer
