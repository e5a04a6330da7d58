"""Texts that a prompt's format and its user have written together. Torch-free.

In what a family's table or a checkpoint's chat template writes, the names of control tokens are
control tokens; in what the user wrote they are plain text. `shield` marks the latter before both
are put together, so that `encode_with_controls` can tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from model_runtime.api import InvalidRequest
from model_runtime.tokenization import Tokenizer

# Code points for private use, of which one is found that the texts do not hold themselves.
_PRIVATE = range(0xF0000, 0xFFFFE)


def encode_with_controls(
    tokenizer: Tokenizer, text: str, shield_mark: str = "", *, continues: bool = False
) -> list[int]:
    """Ids of a prompt's text: names of control tokens become these tokens, all else is plain text.

    shield_mark: is taken out of the plain text before it is encoded. continues: other ids stand
    before it.
    """
    pieces = tokenizer.control_pieces
    ids: list[int] = []
    for part in _split(text, pieces):
        if part in pieces:
            ids.append(pieces[part])
            continue
        plain = part.replace(shield_mark, "") if shield_mark else part
        # At the very beginning a sentencepiece model may want its dummy space.
        follows = continues or ids
        ids += tokenizer.encode_continuation(plain) if follows else tokenizer.encode(plain)
    return ids


def find_shield_mark(texts: Iterable[str]) -> str:
    """A character that none of the texts holds. Raises InvalidRequest if they hold them all."""
    held = set().union(*texts)
    for code in _PRIVATE:
        if chr(code) not in held:
            return chr(code)
    raise InvalidRequest("The texts hold every character for private use.")


def shield(text: str, pieces: Collection[str], mark: str) -> str:
    """Put `mark` into every control token's name in a text of the user's, and where such a name
    could come about at its edges together with what a format puts there.

    White space at the edges stays outside, so that templates can strip it.
    """
    if not pieces:
        return text
    body = text.strip()
    if not body:
        return text
    start = text.index(body)
    # Behind each character, because another name may begin inside this one.
    guarded = re.sub(_any_of(pieces), lambda found: mark.join((*found[0], "")), body)
    head = mark if _may_end_a_piece(body, pieces) else ""
    tail = mark if _may_begin_a_piece(body, pieces) else ""
    return text[:start] + head + guarded + tail + text[start + len(body) :]


def _may_end_a_piece(text: str, pieces: Iterable[str]) -> bool:
    return any(text.startswith(piece[cut:]) for piece in pieces for cut in range(1, len(piece)))


def _may_begin_a_piece(text: str, pieces: Iterable[str]) -> bool:
    return any(text.endswith(piece[:cut]) for piece in pieces for cut in range(1, len(piece)))


def _split(text: str, pieces: Collection[str]) -> Iterator[str]:
    if not pieces:
        yield text
        return
    for part in re.split(f"({_any_of(pieces)})", text):
        if part:
            yield part


def _any_of(pieces: Collection[str]) -> str:
    """The longest one wins, as in the libraries that split texts at added tokens."""
    return "|".join(re.escape(piece) for piece in sorted(pieces, key=len, reverse=True))
