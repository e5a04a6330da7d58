"""Which pieces of a vocabulary are markers, that is, never part of a user's text. Torch-free.

Tokenizers differ in how they mark control tokens: sentencepiece has the type CONTROL, but many
models keep their markers as USER_DEFINED pieces, which sentencepiece cuts out of any text;
`tokenizer.json` lists "added tokens", special or not, which are cut out of any text as well. So the
look of a piece decides where its type does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# <|im_end|>, <｜fim▁begin｜>, ▁<PRE>, </s>, <fim-prefix>, <[fim-suffix]>, <<SYS>>, [INST], [gMASK]
_MARKER = re.compile(
    r"▁?(?:<[|｜][^<>]+[|｜]>|</?[\w\[][^<>\s]*>|<</?\w+>>|\[/?[A-Za-z_][\w=]*\])▁?"
)
# Gemma's vocabulary has these as user-defined pieces: they are part of web pages, not of prompts.
# `s` is missing on purpose: `<s>` and `</s>` are the markers of too many models.
_HTML_TAG = re.compile(
    r"</?(?:a|b|blockquote|br|caption|code|div|em|h[1-6]|hr|i|img|li|ol|p|pre|span|strong|sub|sup"
    r"|table|tbody|td|tfoot|th|thead|tr|u|ul)>"
)

# sentencepiece_model.proto: ModelProto.pieces is field 1, whose fields are the text (1), the score
# (2, a float) and the type (3, left out for NORMAL).
_PIECE_OR_TEXT = 0x0A
_SCORE = 0x15
_TYPE = 0x18
_NORMAL = 1
_USER_DEFINED = 4


def looks_like_marker(piece: str) -> bool:
    """Whether a user-defined piece or added token marks a part of a prompt; runs of white space,
    operators and HTML tags do not.
    """
    return _MARKER.fullmatch(piece) is not None and _HTML_TAG.fullmatch(piece) is None


def user_defined_ids(model: bytes) -> frozenset[int]:
    """Ids of the pieces of type USER_DEFINED in a serialized sentencepiece model.

    Read from the file's bytes, because sentencepiece's Python interface does not tell this type.
    """
    return frozenset(i for i, kind in enumerate(_piece_types(model)) if kind == _USER_DEFINED)


def _piece_types(model: bytes) -> Iterator[int]:
    """Types of the pieces, which come first in the file."""
    at = 0
    while at < len(model) and model[at] == _PIECE_OR_TEXT:
        size, start = _varint(model, at + 1)
        at = start + size
        yield _piece_type(model[start:at])


def _piece_type(piece: bytes) -> int:
    at = 0
    while at < len(piece):
        tag = piece[at]
        at += 1
        if tag == _PIECE_OR_TEXT:
            size, at = _varint(piece, at)
            at += size
        elif tag == _SCORE:
            at += 4
        else:
            return piece[at] if tag == _TYPE else _NORMAL
    return _NORMAL


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """(value, index behind it)"""
    value = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
