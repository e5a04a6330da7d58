"""What a model was trained to do. Torch-free.

Code Llama's matrix: Rozière et al., arXiv 2308.12950 (v3), abstract and table 1; the README of
meta-llama/codellama. Of the other families the table in `families` says what infills; whether a
model chats is told by its chat template and its EOS, and by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from model_runtime.api import Capability, MissingCapability
from model_runtime.families import CODE_LLAMA, FAMILIES, Family

Capabilities = frozenset[Capability]

_COMPLETION = frozenset({Capability.COMPLETION})
_INFILLING = _COMPLETION | {Capability.INFILLING}
_PYTHON = _COMPLETION | {Capability.PYTHON}
_CHAT = frozenset({Capability.CHAT})

BASE, PYTHON, INSTRUCT = "base", "python", "instruct"

CODE_LLAMA_MATRIX: Mapping[tuple[str, str], Capabilities] = {
    ("7b", BASE): _INFILLING,
    ("7b", PYTHON): _PYTHON,
    ("7b", INSTRUCT): _INFILLING | _CHAT,
    ("13b", BASE): _INFILLING,
    ("13b", PYTHON): _PYTHON,
    ("13b", INSTRUCT): _INFILLING | _CHAT,
    ("34b", BASE): _COMPLETION,
    ("34b", PYTHON): _PYTHON,
    ("34b", INSTRUCT): _COMPLETION | _CHAT,
    # Trained to infill according to the paper's third version; Meta's page names 7B and 13B only.
    ("70b", BASE): _INFILLING,
    ("70b", PYTHON): _PYTHON,
    ("70b", INSTRUCT): _INFILLING | _CHAT,
}
"""By size and variant."""

# (hidden size, layers), from the models' configs.
_CODE_LLAMA_SIZES = {(4096, 32): "7b", (5120, 40): "13b", (8192, 48): "34b", (8192, 80): "70b"}

_OFFICIAL = re.compile(
    r"(?:(?:codellama|meta-llama)/)?codellama-(7|13|34|70)b(?:-(python|instruct))?(?:-hf)?"
)
_SIZE = re.compile(r"(?<!\d)(7|13|34|70)b(?![a-z])")
_CHATS = re.compile(r"(?:^|[-_. ])(?:instruct|chat|it|reasoning)(?:$|[-_. \d])")
_DOES_NOT_CHAT = re.compile(r"(?:^|[-_. ])base(?:$|[-_. \d])")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTraits:
    """What is known of a checkpoint besides its tokenizer.

    name: its folder's or on the hub. shape: hidden size and number of layers. chat_template: Jinja,
    None if it comes without. eos: the tokenizer's piece that ends a text.
    """

    name: str
    shape: tuple[int, int] = (0, 0)
    chat_template: str | None = None
    eos: str = ""


def find_capabilities(family: Family, traits: ModelTraits, *, has_fim: bool) -> Capabilities:
    """What a model can do. has_fim: its tokenizer and embedding have the infilling tokens."""
    if family is CODE_LLAMA:
        known = _code_llama(traits, has_fim=has_fim)
    else:
        known = _COMPLETION | (_CHAT if _chats(family, traits) else frozenset())
        if not (family.no_infilling and re.search(family.no_infilling, traits.name.lower())):
            known |= _INFILLING
    return known if has_fim else known - {Capability.INFILLING}


def official_capabilities(name: str) -> Capabilities | None:
    """What an official Code Llama checkpoint (`codellama/CodeLlama-7b-hf`, its copy by meta-llama,
    or the same without owner) can do; None for other names. Needs no files.
    """
    found = _OFFICIAL.fullmatch(name.lower())
    return None if found is None else CODE_LLAMA_MATRIX[f"{found[1]}b", found[2] or BASE]


def official_name(name: str) -> str:
    """What the hub calls an official checkpoint, which may come without its owner; other names stay
    as they are.
    """
    found = _OFFICIAL.fullmatch(name.lower())
    if found is None or "/" in name:
        return name
    variant = f"-{found[2].capitalize()}" if found[2] else ""
    return f"codellama/CodeLlama-{found[1]}b{variant}-hf"


def infilling_models(family: Family | str) -> str:
    """Models of a family (or its name) that fill in as they are published; Code Llama's where there
    is none.
    """
    same = (
        known for known in FAMILIES if family in (known, known.name) and not known.needs_conversion
    )
    return " or ".join(next(same, CODE_LLAMA).models[:2])


def chat_models(family: Family) -> str:
    """Models that chat: of the family where it is Code Llama, else whatever is good."""
    if family is CODE_LLAMA:
        return "codellama/CodeLlama-7b-Instruct-hf or codellama/CodeLlama-13b-Instruct-hf"
    return "an instruct model, such as Qwen/Qwen2.5-Coder-7B-Instruct"


def missing_infilling(
    family: Family, name: str, alike: str = "", *, advice: str = ""
) -> MissingCapability:
    """Why a suffix is refused, and which models take one. alike: a family whose tokens the model
    has all the same. advice: in place of leaving out the suffix.
    """
    what = name or "This model"
    hint = advice or f"Leave out the suffix, or use {infilling_models(family)}."
    if alike and not family.fim.prefix:
        return MissingCapability(
            f"{what} has the infilling tokens of the family {alike}, but runs as one of no known "
            "family.",
            f"If it was trained with them: --family {alike}, or family in the settings. {hint}",
        )
    if family.fim.prefix:
        reason = f"{what} was not trained for infilling."
    else:
        reason = f"{what} has none of the tokens that mark a prefix and a suffix."
    return MissingCapability(reason, hint)


def missing_chat(
    family: Family, name: str, *, has_template: bool = False, advice: str = ""
) -> MissingCapability:
    """Why a conversation is refused, and which models take one. has_template: it comes with a chat
    template, as some base models do. advice: in place of the setting chat_model.
    """
    what, hint = name or "This model", advice or f"Set chat_model to {chat_models(family)}."
    if not has_template or family is CODE_LLAMA:
        return MissingCapability(f"{what} was not trained for chat.", hint)
    return MissingCapability(
        f"{what} was not trained for chat, as far as its name and its end-of-text token tell.",
        f'{hint} If it does chat, say so in its config.json: "fimbria": {{"capabilities": '
        '["completion", "infilling", "chat"]}.',
    )


def _code_llama(traits: ModelTraits, *, has_fim: bool) -> Capabilities:
    name = traits.name.rpartition("/")[2].lower()
    variant = next((v for v in (PYTHON, INSTRUCT) if v in name), BASE)
    if variant == BASE and traits.chat_template:
        variant = INSTRUCT
    named = _SIZE.search(name)
    size = _CODE_LLAMA_SIZES.get(traits.shape) or (f"{named[1]}b" if named else "")
    # A size of one's own: the tokens tell.
    fallback = {BASE: _INFILLING, PYTHON: _PYTHON, INSTRUCT: _INFILLING | _CHAT}[variant]
    known = CODE_LLAMA_MATRIX.get((size, variant), fallback)
    return known if has_fim else known - {Capability.INFILLING}


def _chats(family: Family, traits: ModelTraits) -> bool:
    name = traits.name.rpartition("/")[2].lower()
    if traits.chat_template is None or _DOES_NOT_CHAT.search(name):
        return False
    # Training for chat makes the end of a turn the EOS; of base models it is the end of a document.
    ends_turns = any(piece in traits.chat_template for piece in (traits.eos, "eos_token") if piece)
    return ends_turns or not family.base_has_template or _CHATS.search(name) is not None
