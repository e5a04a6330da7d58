"""Small byte-level BPE tokenizers with the pre-tokenizers of real families, trained on the standard
library.

Patterns as in the families' own `tokenizer.json`: Qwen 2's is also in transformers'
`tokenization_qwen2.py`; StarCoder's is `Digits` and GPT-2's expression, which `ByteLevel` brings.
"""

from __future__ import annotations

import json
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

from model_runtime.bpe import BpeTokenizer

END = "<|endoftext|>"
# Qwen's are added tokens that are not special; some of StarCoder's are in the vocabulary too.
FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>")

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_BLANKS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_SYMBOLS = r" ?[^\s\p{L}\p{N}]+"
_QWEN2 = rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}|{_SYMBOLS}[\r\n]*|{_BLANKS}"
_LLAMA3 = rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}{{1,3}}|{_SYMBOLS}[\r\n]*|{_BLANKS}"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    rf"|\p{{N}}{{1,3}}|{_SYMBOLS}[\r\n/]*|{_BLANKS}"
)
_DEEPSEEK_CODER = ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+")
# Its class of letters is long; what matters here is the end of a text in the fourth expression.
_DEEPSEEK_LLM = ("[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+", r"\s?[!-/:-~！-／：-～]+", r"\s+$")

NAMES = ("gpt2", "starcoder2", "qwen2", "llama3", "o200k", "deepseek-coder", "deepseek-llm", "neox")


def _split(pattern: str) -> dict[str, Any]:
    return {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }


def _byte_level(use_regex: bool) -> dict[str, Any]:
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def pre_tokenizer(name: str) -> dict[str, Any]:
    digits = {"type": "Digits", "individual_digits": True}
    steps = {
        "gpt2": [_byte_level(True)],
        "neox": [_byte_level(True)],
        "starcoder2": [digits, _byte_level(True)],
        "qwen2": [_split(_QWEN2), _byte_level(False)],
        "llama3": [_split(_LLAMA3), _byte_level(False)],
        "o200k": [_split(_O200K), _byte_level(False)],
        "deepseek-coder": [*map(_split, _DEEPSEEK_CODER), digits, _byte_level(False)],
        "deepseek-llm": [*map(_split, _DEEPSEEK_LLM), digits, _byte_level(False)],
    }[name]
    return steps[0] if len(steps) == 1 else {"type": "Sequence", "pretokenizers": steps}


def standard_library() -> list[str]:
    """Source texts that every Python has."""
    folder = Path(json.__file__).parent.parent
    names = ("textwrap", "json/decoder", "json/scanner", "heapq", "bisect", "queue", "shlex", "cmd")
    return [(folder / f"{name}.py").read_text(encoding="utf-8") for name in names]


def _training_texts() -> list[str]:
    texts = standard_library()
    tabs = [text.replace("    ", "\t") for text in texts[:3]]
    windows = [text.replace("\n", "\r\n") for text in texts[3:5]]
    runs = "\n".join(f"x = {n} // 3\n\n\n// {n}\n\t\n" for n in range(300))
    return [*texts, *tabs, *windows, runs, textwrap.indent(runs, "  "), "é漢字😀 ☃ñ\n" * 50]


@cache
def tokenizer_json(name: str) -> str:
    """A `tokenizer.json` with about 1,500 tokens."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

    empty = json.loads(Tokenizer(models.BPE()).to_str())
    empty["pre_tokenizer"] = pre_tokenizer(name)
    empty["normalizer"] = {"type": "NFC"} if name == "qwen2" else None
    tokenizer = Tokenizer.from_str(json.dumps(empty))
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        show_progress=False,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_training_texts(), trainer)
    tokenizer.add_tokens([AddedToken(piece, special=False) for piece in FIM])
    if name == "neox":
        tokenizer.add_tokens([" " * n for n in range(24, 1, -1)])
    return tokenizer.to_str()


@cache
def bpe_tokenizer(name: str, folder: Path) -> BpeTokenizer:
    file = folder / f"{name}.json"
    file.write_text(tokenizer_json(name), encoding="utf-8")
    return BpeTokenizer(file, eos=END)


def open_json(content: dict[str, Any], folder: Path) -> BpeTokenizer:
    """What is opened of a file with this content."""
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return BpeTokenizer(file)
