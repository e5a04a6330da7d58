"""Small tokenizers with the real control tokens of a family, the same on every machine: their
merges are those of a fixed list of words, left to right.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sentencepiece import sentencepiece_model_pb2 as proto

from tests.runtime.bpe_tokenizers import pre_tokenizer

_WORDS = (
    *(" def", " return", " self", " import", " class", " print", " if", " else", " for", " in"),
    *("def", "return", "self", "import", "class", "print", "if", "width", "height", "area"),
    *(" width", " height", " area", " system", " user", "user", "system", "assistant", "model"),
    *(
        "    ",
        "        ",
        "():",
        "):",
        ")\n",
        "\n\n",
        " =",
        "==",
        "//",
        "##",
        "###",
        "PATH",
        "INST",
    ),
    *("SYS", " Source", " Instruction", " Response", " Question", " Answer", " code", "<<", ">>"),
)
_Kind = proto.ModelProto.SentencePiece
NORMAL, CONTROL, USER_DEFINED = _Kind.NORMAL, _Kind.CONTROL, _Kind.USER_DEFINED


def _parts(word: str) -> list[str]:
    """What a word's merges give one after the other."""
    return [word[:end] for end in range(2, len(word) + 1)]


def _byte_alphabet() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _as_bytes(word: str) -> str:
    return word.replace(" ", "Ġ").replace("\n", "Ċ")


def bpe_json(
    pre: str,
    controls: Sequence[str],
    *,
    plain: Sequence[str] = (),
    start: Sequence[str] = (),
) -> str:
    """A `tokenizer.json` with the pre-tokenizer called `pre`. plain: added tokens that are not
    special. start: what its post-processor puts before a text.
    """
    vocab = {piece: i for i, piece in enumerate(_byte_alphabet())}
    merges: list[tuple[str, str]] = []
    for word in map(_as_bytes, _WORDS):
        for left, whole in pairwise([word[0], *_parts(word)]):
            if whole not in vocab:
                vocab[whole] = len(vocab)
                merges.append((left, whole[len(left) :]))
    added = [
        _added_token(piece, len(vocab) + number, special=piece in controls)
        for number, piece in enumerate((*controls, *plain))
    ]
    ids = {token["content"]: token["id"] for token in added}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": {"type": "NFC"} if pre == "qwen2" else None,
            "pre_tokenizer": pre_tokenizer(pre),
            "post_processor": _template({piece: ids[piece] for piece in start}),
            "decoder": {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": True,
                "use_regex": True,
            },
            "model": {"type": "BPE", "vocab": vocab, "merges": merges},
        },
        ensure_ascii=False,
    )


def _added_token(piece: str, index: int, *, special: bool) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": piece, "special": special, **flags}


def _template(start: dict[str, int]) -> dict[str, Any] | None:
    if not start:
        return None
    tokens = [{"SpecialToken": {"id": piece, "type_id": 0}} for piece in start]
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [*tokens, text],
        "pair": [*tokens, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            piece: {"id": piece, "ids": [index], "tokens": [piece]}
            for piece, index in start.items()
        },
    }


def sentencepiece_model(
    first: Sequence[str],
    pieces: Sequence[tuple[str, Any]],
    *,
    dummy_prefix: bool,
) -> bytes:
    """A `tokenizer.model`. first: the names of its first pieces, among them `unk`, `bos` and `eos`
    in some writing. pieces: further ones and their types, at the end.
    """
    model = proto.ModelProto()
    for piece in first:
        model.pieces.add(piece=piece, type=_Kind.UNKNOWN if "unk" in piece else CONTROL)
    for byte in range(256):
        model.pieces.add(piece=f"<0x{byte:02X}>", type=_Kind.BYTE)
    for number, piece in enumerate(_sentencepieces()):
        model.pieces.add(piece=piece, score=-float(number))
    for number, (piece, kind) in enumerate(dict(pieces).items()):
        model.pieces.add(piece=piece, type=kind, score=float(number + 1))
    spec = model.trainer_spec
    spec.model_type, spec.byte_fallback, spec.vocab_size = 2, True, len(model.pieces)
    spec.unk_id, spec.pad_id = first.index("<unk>"), -1
    spec.bos_id = next(i for i, piece in enumerate(first) if piece in ("<s>", "<bos>"))
    spec.eos_id = next(i for i, piece in enumerate(first) if piece in ("</s>", "<eos>"))
    spec.bos_piece, spec.eos_piece = first[spec.bos_id], first[spec.eos_id]
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = dummy_prefix
    model.normalizer_spec.remove_extra_whitespaces = False
    return model.SerializeToString()


def _sentencepieces() -> list[str]:
    words = [word.replace(" ", "▁") for word in _WORDS if "\n" not in word]
    characters = sorted({*map(chr, range(0x21, 0x7F)), "▁"})
    merged = [part for word in words for part in _parts(word)]
    return list(dict.fromkeys([*merged, *characters]))


def with_stems(piece: str) -> list[tuple[str, Any]]:
    """A marker as Code Llama has it: an ordinary piece that merges out of shorter ones."""
    return [(part, NORMAL) for part in _parts(piece)]
