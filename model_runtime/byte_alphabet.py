"""The characters that stand for bytes in byte-level BPE vocabularies, as in GPT-2's. Torch-free."""

from __future__ import annotations

from functools import cache


def piece_bytes(piece: str) -> bytes:
    """The bytes that a piece of a vocabulary stands for; of one with characters that stand for no
    byte, its own in UTF-8.
    """
    alphabet = _alphabet()
    try:
        return bytes(alphabet[character] for character in piece)
    except KeyError:
        return piece.encode()


@cache
def _alphabet() -> dict[str, int]:
    """Printable characters of Latin-1 stand for themselves, the others are shifted behind it."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(0x100)) - set(printable))
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + number): byte for number, byte in enumerate(others)
    }
