"""Byte-level BPE: cut texts have the ids of whole ones, and a user's text stays text."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Reference

from model_runtime.bpe import BpeTokenizer
from model_runtime.healing import ByteVocabulary
from model_runtime.safe_cuts import blocks
from tests.runtime.bpe_tokenizers import (
    END,
    FIM,
    NAMES,
    bpe_tokenizer,
    open_json,
    standard_library,
    tokenizer_json,
)

fragments = st.sampled_from(
    (
        *("\n", "\n\n", "\n\n\n", "    ", "\t", " ", "  ", "\r", "\r\n", "\x0c", "\u2028", "\x1c"),
        *(
            "x",
            "if x:",
            "return foo",
            "def f(self):",
            "//",
            "# ",
            "))",
            ")",
            "...",
            "/",
            "==",
            "'re",
        ),
        *(
            "it's",
            "don'T",
            "'",
            '"""',
            "12",
            "1234567",
            "3.14",
            "camelCase",
            "HTTPServer",
            "x" * 300,
        ),
        *(
            "\n    ",
            "\n\t\t",
            ":\n",
            ")\n\n    ",
            "é",
            "e\u0301",
            "漢字",
            "😀",
            "👩\u200d🚀",
            "ñ",
            "_",
        ),
    )
)
code = st.lists(fragments | st.text(max_size=3), max_size=24).map("".join)


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tokenizer(name: str, tmp_path_factory: pytest.TempPathFactory) -> BpeTokenizer:
    return bpe_tokenizer(name, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> BpeTokenizer:
    return bpe_tokenizer("qwen2", tmp_path_factory.getbasetemp())


def whole(tokenizer: BpeTokenizer, text: str) -> list[int]:
    """The ids of the text in one piece."""
    return [i for word in tokenizer._words_uncached(text) for i in word]


@settings(deadline=None, max_examples=100)
@given(text=code)
def test_cut_texts_have_the_ids_of_the_whole(tokenizer: BpeTokenizer, text: str) -> None:
    assert "".join(tokenizer.split_lines(text)) == text
    assert tokenizer.encode_continuation(text) == whole(tokenizer, text)


@settings(deadline=None, max_examples=30)
@given(text=code)
def test_text_comes_back(tokenizer: BpeTokenizer, text: str) -> None:
    back = tokenizer.decode(tokenizer.encode(text))
    assert back in (text, unicodedata.normalize("NFC", text))


def test_files_have_the_ids_that_the_library_gives(name: str, tokenizer: BpeTokenizer) -> None:
    reference = Reference.from_str(tokenizer_json(name))
    for text in standard_library():
        for variant in (text, text.replace("    ", "\t"), text.replace("\n", "\r\n")):
            assert tokenizer.encode(variant) == reference.encode(variant).ids


def test_code_falls_into_its_lines(tokenizer: BpeTokenizer) -> None:
    """Parts are what a keystroke encodes anew: none may hold much more than a line."""
    for text in standard_library():
        parts = tokenizer.split_lines(text)
        assert len(parts) == len(blocks(text))
        assert max(sum(map(bool, map(str.strip, part.split("\n")))) for part in parts) == 1


def test_a_keystroke_encodes_what_it_touches(name: str, tmp_path: Path) -> None:
    tokenizer = bpe_tokenizer(name, tmp_path)
    text = standard_library()[0]
    tokenizer.encode(text)
    before = tokenizer._words_cached.cache_info().misses
    at = text.index("\n", len(text) // 2)
    tokenizer.encode(text[:at] + "x" + text[at:])
    assert tokenizer._words_cached.cache_info().misses - before <= 12


@pytest.mark.parametrize("text", [END, *FIM, "<|im_end|>", "</s>", "[INST]", "<fim_prefix>"])
def test_control_strings_are_plain_text(tokenizer: BpeTokenizer, text: str) -> None:
    control = {tokenizer.id_of(piece) for piece in (END, *FIM)}
    for around in (text, f"a{text}b", f"\n{text}\n", f" {text} "):
        ids = tokenizer.encode(around)
        assert control.isdisjoint(ids)
        assert tokenizer.decode(ids) == around


def test_the_library_itself_would_have_parsed_them(name: str) -> None:
    """What the guard is for: added tokens are cut out of any text, special or not."""
    reference = Reference.from_str(tokenizer_json(name))
    for piece in (END, FIM[0]):
        assert reference.token_to_id(piece) in reference.encode(piece, add_special_tokens=False).ids


def test_a_control_token_that_merges_from_text_is_spelled(name: str, tmp_path: Path) -> None:
    """A vocabulary may reach its control tokens by merging."""
    content = json.loads(tokenizer_json(name))
    reachable = next(p for p in content["model"]["vocab"] if p.isalpha() and len(p) > 3)
    index = content["model"]["vocab"][reachable]
    content["added_tokens"].append(
        {**content["added_tokens"][0], "id": index, "content": reachable}
    )
    tokenizer = open_json(content, tmp_path)
    assert index not in tokenizer.encode(reachable)
    assert tokenizer.token_bytes(index) == b""
    assert tokenizer.decode(tokenizer.encode(reachable)) == reachable


def test_ids_without_rows_are_never_used(name: str, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(tokenizer_json(name), encoding="utf-8")
    tokenizer = BpeTokenizer(file, vocab_size=400)
    for text in standard_library()[:2]:
        ids = tokenizer.encode(text)
        assert max(ids) < 400
        assert tokenizer.decode(ids) == text
    assert max(ByteVocabulary(tokenizer.vocabulary).compatible(b"self")) < 400


def test_special_ids_are_known_by_name(qwen: BpeTokenizer) -> None:
    assert qwen.eos_id == qwen.id_of(END) == 0
    assert qwen.bos_id == -1
    assert [qwen.id_of(piece) for piece in FIM] == list(range(qwen.size - 4, qwen.size))
    assert qwen.id_of("no such piece") is None
    assert qwen.token_bytes(qwen.size + 5) == b""


def test_bytes_are_those_that_the_library_decodes(name: str, tokenizer: BpeTokenizer) -> None:
    from tokenizers import decoders

    reference = Reference.from_str(tokenizer_json(name))
    reference.decoder = decoders.ByteLevel()
    for text in ("naïve 漢字 😀\n\tx", *standard_library()[:1]):
        ids = reference.encode(text).ids
        assert tokenizer.decode(ids) == reference.decode(ids)


ends = st.sampled_from(
    (
        "",
        " ",
        "  ",
        "    ",
        "\t",
        "x",
        "re",
        "self.na",
        "foo(",
        "it'",
        "x = ",
        "# ",
        "12",
        "=",
        '"',
        "//",
    )
)
continuations = st.sampled_from(
    (
        "name",
        "turn x",
        "(a, b)",
        "1",
        "== 2",
        '"""',
        "'s",
        "s",
        "re",
        "l",
        "E",
        "漢",
        "//\n",
        "_x\n\n    y",
    )
)


@settings(deadline=None, max_examples=100)
@given(before=code, end=ends, following=continuations)
def test_no_token_reaches_over_a_healed_cut(
    tokenizer: BpeTokenizer, before: str, end: str, following: str
) -> None:
    """What the model has in front of it and what it has to write are tokens of the whole text."""
    text = before + end
    # A word of this length would take many steps to heal, and is left alone.
    assume(not re.search(r"\S{48}$", text))
    lines, tail = tokenizer.encode_for_healing(text)
    ids = [i for line in lines for i in line]
    together = whole(tokenizer, text + following)
    if tail or not text[-1:].isspace():
        assert together[: len(ids)] == ids
        assert together[len(ids) :] == whole(tokenizer, tail + following)
    assert all(lines)
    assert text.endswith(tail)
    assert "\n" not in tail


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("x = fo", " fo"),
        ("x = ", " "),
        ("    retur", " retur"),
        ("    self.na", ".na"),
        ("if x:\n    ", " "),
        ("if x:\n\t", "\t"),
        ("if x:\n", ""),
        ("", ""),
        ("f(x", "(x"),
        ("a1", ""),
        ("y" * 60, ""),
    ],
)
def test_tails_of_qwen(text: str, tail: str, qwen: BpeTokenizer) -> None:
    """Its words take along whatever stands before their letters: a space, a tab, a dot."""
    lines, found = qwen.encode_for_healing(text)
    assert found == tail
    assert qwen.decode(i for line in lines for i in line) + found == text


def test_the_lines_before_a_healed_word_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """GPT-2 reads two line breaks before a word as two words, but as one before nothing."""
    gpt2 = bpe_tokenizer("gpt2", tmp_path_factory.getbasetemp())
    lines, tail = gpt2.encode_for_healing("x\n\nde")
    assert tail == "de"
    assert (
        [i for line in lines for i in line] == gpt2.encode("x\n\ndef")[:-1] != gpt2.encode("x\n\n")
    )


@settings(deadline=None, max_examples=50)
@given(tail=st.text(min_size=1, max_size=8), choices=st.randoms(use_true_random=False))
def test_every_choice_of_compatible_tokens_spells_the_tail(
    qwen: BpeTokenizer, tail: str, choices: random.Random
) -> None:
    vocabulary = ByteVocabulary(qwen.vocabulary)
    unhealed, written = tail.encode(), b""
    while unhealed:
        piece = qwen.token_bytes(choices.choice(vocabulary.compatible(unhealed)))
        written += piece
        unhealed = unhealed[len(piece) :]
    assert written.startswith(tail.encode())
