"""Opens the tokenizer of a checkpoint folder, and reads what stands beside it. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from model_runtime.api import UnsupportedModel
from model_runtime.bpe import BpeTokenizer
from model_runtime.families import FAMILIES
from model_runtime.markers import looks_like_marker
from model_runtime.tokenization import SentencePieceTokenizer, Tokenizer

_SENTENCEPIECE = "tokenizer.model"
_BPE = "tokenizer.json"
_AGAIN = "Download the checkpoint again."
# Named here, because in Code Llama's own file they are ordinary pieces.
_ALL_PIECES = frozenset(piece for family in FAMILIES for piece in family.pieces)


@dataclass(frozen=True, slots=True)
class TokenizerNotes:
    """What `tokenizer_config.json` and its neighbours say.

    bos, eos: pieces, None if unsaid. adds_bos: whether a document starts with `bos`; None if
    unsaid. added: ids of added control tokens. chat_template: Jinja, None if there is none.
    """

    bos: str | None = None
    eos: str | None = None
    adds_bos: bool | None = None
    added: Mapping[str, int] = field(default_factory=dict)
    chat_template: str | None = None


def read_notes(folder: Path) -> TokenizerNotes:
    """Read them; whatever is missing is left out. Raises UnsupportedModel for garbled files."""
    try:
        config = _json_object(folder / "tokenizer_config.json")
        named = _json_object(folder / "special_tokens_map.json") | config
        return TokenizerNotes(
            bos=_content(named.get("bos_token")),
            eos=_content(named.get("eos_token")),
            adds_bos=config.get("add_bos_token"),
            added=_added(config),
            chat_template=_chat_template(folder, config),
        )
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise UnsupportedModel(
            f"The tokenizer's configuration in {folder} is garbled: {error!r}.", _AGAIN
        ) from error


def generation_eos_ids(folder: Path) -> frozenset[int]:
    """The tokens that end an answer according to `generation_config.json`."""
    try:
        value = _json_object(folder / "generation_config.json").get("eos_token_id")
    except ValueError:
        return frozenset()
    ids = value if isinstance(value, list) else [value]
    return frozenset(i for i in ids if isinstance(i, int))


def open_tokenizer(
    folder: Path, notes: TokenizerNotes, vocab_size: int
) -> tuple[Tokenizer, tuple[int, ...]]:
    """Open `tokenizer.model` (sentencepiece), else `tokenizer.json` (byte-level BPE).

    vocab_size: rows of the model's embedding. Returns the ids that a document starts with, too.
    Raises UnsupportedModel.
    """
    has_bpe = (folder / _BPE).is_file()
    if (folder / _SENTENCEPIECE).is_file():
        try:
            return _open_sentencepiece(folder / _SENTENCEPIECE, notes, vocab_size)
        except UnsupportedModel:
            # GLM's file of this name is of another format.
            if not has_bpe:
                raise
    if not has_bpe:
        raise UnsupportedModel(
            f"There is neither a tokenizer.model nor a tokenizer.json in {folder}.",
            "Fimbria needs the checkpoint's tokenizer beside the weights.",
        )
    return _open_bpe(folder / _BPE, notes, vocab_size)


def _open_sentencepiece(
    file: Path, notes: TokenizerNotes, vocab_size: int
) -> tuple[Tokenizer, tuple[int, ...]]:
    added = {piece: i for piece, i in notes.added.items() if i < vocab_size}
    try:
        tokenizer = SentencePieceTokenizer(file, _ALL_PIECES, vocab_size, added)
    except (OSError, RuntimeError) as error:
        raise UnsupportedModel(f"{file} is not a sentencepiece model.", _AGAIN) from error
    has_bos = tokenizer.bos_id >= 0 and notes.adds_bos is not False
    return tokenizer, (tokenizer.bos_id,) if has_bos else ()


def _open_bpe(
    file: Path, notes: TokenizerNotes, vocab_size: int
) -> tuple[Tokenizer, tuple[int, ...]]:
    try:
        start = _template_start(_json_object(file))
        if notes.adds_bos and notes.bos is not None:
            start = start or [notes.bos]
        tokenizer = BpeTokenizer(file, start[0] if start else None, notes.eos, vocab_size)
    except (OSError, ValueError, AttributeError) as error:
        raise UnsupportedModel(f"{file} is not a tokenizer: {error}.", _AGAIN) from error
    ids = (tokenizer.id_of(piece) for piece in start)
    return tokenizer, tuple(i for i in ids if i is not None)


def _template_start(content: Mapping[str, Any]) -> list[str]:
    """The tokens that the tokenizer's own post-processor puts before a text."""
    for step in _steps(content.get("post_processor") or {}):
        if step.get("type") == "TemplateProcessing":
            parts = takewhile(lambda part: "SpecialToken" in part, step["single"])
            return [str(part["SpecialToken"]["id"]) for part in parts]
    return []


def _steps(processor: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(processor.get("processors") or [processor])


def _added(config: Mapping[str, Any]) -> dict[str, int]:
    """Those that are no ordinary text."""
    decoder: Mapping[str, Any] = config.get("added_tokens_decoder") or {}
    return {
        str(token["content"]): int(index)
        for index, token in decoder.items()
        if token.get("special") or looks_like_marker(token["content"])
    }


def _chat_template(folder: Path, config: Mapping[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template = config.get("chat_template")
    if isinstance(template, list):  # several with names
        named = {entry["name"]: entry["template"] for entry in template}
        template = named.get("default")
    return None if template is None else str(template)


def _content(token: Any) -> str | None:
    """A token is written as a string or as an object."""
    if isinstance(token, dict):
        token = token["content"]
    return None if token is None else str(token)


def _json_object(file: Path) -> dict[str, Any]:
    """Empty if there is no such file. Raises ValueError."""
    if not file.is_file():
        return {}
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{file.name} holds no JSON object")
    return content
