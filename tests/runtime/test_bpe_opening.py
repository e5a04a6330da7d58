"""Which `tokenizer.json` files are read, which are refused, and which texts are never cut."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model_runtime.api import UnsupportedModel
from model_runtime.bpe import BpeTokenizer
from model_runtime.safe_cuts import can_be_cut
from tests.runtime.bpe_tokenizers import FIM, open_json, tokenizer_json


def test_added_tokens_that_are_no_markers_stand_for_their_text(tmp_path: Path) -> None:
    """DeepSeek-Coder adds stand-ins for bytes that no text has; the letter `õ` is another thing."""
    content = json.loads(tokenizer_json("deepseek-coder"))
    size = len(content["model"]["vocab"]) + len(FIM)
    del content["model"]["vocab"]["õ"]
    plain = {**content["added_tokens"][0], "special": False}
    for index, text in enumerate(("õ", "hello"), size):
        content["added_tokens"].append({**plain, "id": index, "content": text})
    tokenizer = open_json(content, tmp_path)
    assert tokenizer.token_bytes(size) == b"\xf5"
    assert tokenizer.token_bytes(size + 1) == b"hello"
    ids = tokenizer.encode("hello õ")
    assert not {size, size + 1} & set(ids)
    assert tokenizer.decode(ids) == "hello õ"


def test_importing_it_is_cheap() -> None:
    """The language server asks for a model's prompts too, and must stay light."""
    heavy = "{'torch', 'transformers', 'tokenizers'}"
    code = (
        f"import sys, model_runtime.bpe, model_runtime.prompts; print({heavy} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


@pytest.mark.parametrize(
    "pattern",
    [r"(?<=\n)x|\s+", r"^\s+|\w+", r"\w+$", r"\bfoo\b|.", r"(a)\1|."],
)
def test_patterns_that_look_around_are_not_cut(pattern: str, tmp_path: Path) -> None:
    content = json.loads(tokenizer_json("qwen2"))
    content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = pattern
    assert not can_be_cut(content["pre_tokenizer"], None)
    assert open_json(content, tmp_path).split_lines("a\nb\n") == ["a\nb\n"]


def test_what_reaches_over_lines_is_not_cut() -> None:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False}
    assert can_be_cut(byte_level, {"type": "Sequence", "normalizers": []})
    assert not can_be_cut(None, None)
    assert not can_be_cut(byte_level, {"type": "Strip"})
    assert not can_be_cut({"type": "ByteLevel", "add_prefix_space": True}, None)
    assert not can_be_cut({"type": "Metaspace"}, None)


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "{}",
        json.dumps({"model": {"type": "WordPiece"}, "pre_tokenizer": None}),
        json.dumps({"model": {"type": "BPE"}, "pre_tokenizer": None}),
        json.dumps({"model": {"type": "BPE"}, "pre_tokenizer": {"type": "Metaspace"}}),
    ],
)
def test_other_tokenizers_are_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UnsupportedModel):
        BpeTokenizer(file)


@pytest.mark.parametrize(
    ("sound", "broken"),
    [('"special"', '"spatial"'), ('"merges":[[', '"merges":[["no such","piece"],[')],
)
def test_a_garbled_tokenizer_is_refused(sound: str, broken: str, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(tokenizer_json("gpt2").replace(sound, broken), encoding="utf-8")
    with pytest.raises(UnsupportedModel, match="not a tokenizer"):
        BpeTokenizer(file)


def test_a_tokenizer_without_the_models_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(tokenizer_json("gpt2"), encoding="utf-8")
    with pytest.raises(UnsupportedModel, match="lacks </s>"):
        BpeTokenizer(file, eos="</s>")


def test_a_vocabulary_that_cannot_spell_every_text_is_refused(tmp_path: Path) -> None:
    content = json.loads(tokenizer_json("gpt2"))
    del content["model"]["vocab"]["!"]
    content["model"]["merges"] = []
    with pytest.raises(UnsupportedModel, match="no tokens for 1 of 256 bytes"):
        open_json(content, tmp_path)
