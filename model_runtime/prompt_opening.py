"""Finds out what a checkpoint's prompts look like. Torch-free."""

from __future__ import annotations

from pathlib import Path

from model_runtime.capabilities import ModelTraits, find_capabilities
from model_runtime.chat import open_chat
from model_runtime.config import ModelConfig
from model_runtime.control_text import encode_with_controls
from model_runtime.families import (
    OTHER,
    Family,
    family_called,
    family_with_tokens,
    find_family,
    find_fim_ids,
)
from model_runtime.models import model_name
from model_runtime.prompts import MAX_CONTEXT_LENGTH, Frame, PromptRenderer
from model_runtime.tokenization import Ids, Tokenizer
from model_runtime.tokenizer_files import generation_eos_ids, open_tokenizer, read_notes


def open_renderer(folder: Path, config: ModelConfig, *, family: str = "") -> PromptRenderer:
    """Read a checkpoint folder's tokenizer and find out what its prompts look like.

    family: a family's name, in place of what folder and config tell. Raises UnsupportedModel.
    """
    notes = read_notes(folder)
    tokenizer, start = open_tokenizer(folder, notes, config.vocab_size)
    name = model_name(folder)
    telling = _telling_name(name, config)
    found = find_family(
        telling, config.architecture, tokenizer.id_of, config.vocab_size, family or config.family
    )
    fim = find_fim_ids(found, tokenizer.id_of, config.vocab_size)
    shape = (config.hidden_size, config.num_layers)
    traits = ModelTraits(
        name=telling, shape=shape, chat_template=notes.chat_template, eos=notes.eos or ""
    )
    capabilities = find_capabilities(found, traits, has_fim=fim is not None)
    stops = (tokenizer.id_of(piece) for piece in found.stops)
    ends = {tokenizer.eos_id, *config.eos_ids, *generation_eos_ids(folder), *stops}
    return PromptRenderer(
        tokenizer,
        found,
        fim,
        frozenset(i for i in ends if i is not None and 0 <= i < config.vocab_size),
        min(config.context_length, MAX_CONTEXT_LENGTH),
        _frame(found, tokenizer, start),
        open_chat(found, tokenizer, notes),
        capabilities if config.capabilities is None else config.capabilities,
        name,
        family_with_tokens(config.architecture, tokenizer.id_of).name if found is OTHER else "",
    )


def _telling_name(name: str, config: ModelConfig) -> str:
    """The folder's name, unless it says nothing and what the checkpoint was made from does."""
    known = (n for n in (name, config.origin) if family_called(n, config.architecture))
    return next(known, name)


def _frame(family: Family, tokenizer: Tokenizer, start: Ids) -> Frame:
    own_start, before, after = (
        tuple(encode_with_controls(tokenizer, text))
        for text in (family.start, family.before, family.after)
    )
    return Frame(own_start or start, before, after)
