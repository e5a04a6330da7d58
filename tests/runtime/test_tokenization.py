"""Ids are Meta's, text comes back whole, and a user's text never turns into a control token."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime.api import CompletionRequest, Layout
from model_runtime.families import CODE_LLAMA, find_fim_ids
from model_runtime.prompts import PromptRenderer
from model_runtime.tokenization import SentencePieceTokenizer
from tests.conftest import PROJECT
from tests.runtime.conftest import FIM_PIECES

STARTER = SentencePieceTokenizer(
    PROJECT / "model_runtime" / "starter" / "tokenizer.model", FIM_PIECES
)

# "▁" stands for a space in sentencepiece's own alphabet, so it is the one character that it does
# not give back.
texts = st.text(
    st.sampled_from(list("abcdefxyz_ \t\n().:=\"'é漢😀\u2028\x0c\r<>/[]|0189"))
    | st.characters(codec="utf-8", exclude_characters="▁\0"),
    max_size=80,
)

CONTROL_STRINGS = (
    *("</s>", "<s>", "<unk>", " <PRE>", "▁<MID>", "<EOT>", " <EOT>", " <SUF>x"),
    *("[/INST]", "<<SYS>>", "<|im_end|>", "<0x0A>"),
)

# llama.cpp issue 3503: what Meta's own code makes of this prefix and suffix.
PREFIX = 'def remove_non_ascii(s: str) -> str:\n    """ '
SUFFIX = "\n    return result\n"
KNOWN_GOOD = [
    *(1, 32007, 822, 3349, 29918, 5464, 29918, 294, 18869, 29898, 29879, 29901, 851, 29897),
    *(1599, 851, 29901, 13, 1678, 9995, 29871),
    *(32008, 13, 1678, 736, 1121, 13, 32009),
]


def code_llama_renderer(file: Path) -> PromptRenderer:
    tokenizer = SentencePieceTokenizer(file, FIM_PIECES)
    fim = find_fim_ids(CODE_LLAMA, tokenizer.id_of, 32016)
    return PromptRenderer(tokenizer, CODE_LLAMA, fim, frozenset({2}), 16384)


@settings(deadline=None)
@given(texts)
def test_text_comes_back(text: str) -> None:
    assert STARTER.decode(STARTER.encode_continuation(text)) == text
    assert STARTER.decode(STARTER.encode(text)) == text


@settings(deadline=None)
@given(texts)
def test_line_by_line_equals_the_whole(text: str) -> None:
    """The starter has no dummy space, so both ways of encoding equal sentencepiece on the whole
    text.
    """
    assert STARTER.encode(text) == STARTER._sp.encode(text)
    assert STARTER.encode_continuation(text) == STARTER._sp.encode(text)


@settings(deadline=None)
@given(texts)
def test_line_by_line_equals_the_whole_with_a_dummy_space(text: str) -> None:
    file = PROJECT.parent / "shared" / "data" / "llama2-tokenizer.model"
    if not file.is_file():
        pytest.skip("the shared data folder is not beside the checkout")
    llama2 = _llama2(file)
    assert llama2.encode(text) == llama2._sp.encode(text)
    assert llama2.encode_continuation(text) == llama2._sp.encode("☺" + text)[2:]
    assert llama2.decode(llama2.encode_continuation(text)) == text


@cache
def _llama2(file: Path) -> SentencePieceTokenizer:
    return SentencePieceTokenizer(file)


def test_known_good_ids(code_llama_tokenizer_file: Path) -> None:
    renderer = code_llama_renderer(code_llama_tokenizer_file)
    psm = renderer.render(CompletionRequest(prompt=PREFIX, suffix=SUFFIX, layout=Layout.PSM))
    assert psm.ids == KNOWN_GOOD
    assert psm.healed == b""


def test_suffix_first_holds_the_same_parts(code_llama_tokenizer_file: Path) -> None:
    renderer = code_llama_renderer(code_llama_tokenizer_file)
    spm = renderer.render(
        CompletionRequest(prompt=PREFIX, suffix=SUFFIX, layout=Layout.SPM, heal=False)
    )
    at = KNOWN_GOOD.index(32008)
    assert spm.ids == [1, 32007, 32008, *KNOWN_GOOD[at + 1 : -1], 32009, *KNOWN_GOOD[2:at]]
    assert spm.end_ids == {2, 32010}


@pytest.mark.parametrize("text", CONTROL_STRINGS)
def test_control_strings_are_plain_text(code_llama_tokenizer_file: Path, text: str) -> None:
    tokenizer = SentencePieceTokenizer(code_llama_tokenizer_file, FIM_PIECES)
    control = {0, 1, 2, 32007, 32008, 32009, 32010}
    for ids in (
        tokenizer.encode(f"a{text}b"),
        tokenizer.encode_continuation(text),
        tokenizer.encode(text),
    ):
        assert control.isdisjoint(ids)
    assert tokenizer.decode(tokenizer.encode_continuation(text)) == text.replace("▁", " ")


def test_an_unguarded_vocabulary_would_have_merged_it(
    code_llama_tokenizer_file: Path, request: pytest.FixtureRequest
) -> None:
    """What the guard is for: only pieces of type CONTROL are safe from sentencepiece itself."""
    ids = SentencePieceTokenizer(code_llama_tokenizer_file)._sp.encode("x <PRE>")
    assert (32007 in ids) == ("control" not in request.node.callspec.id)


def test_models_without_rows_for_the_markers_do_not_infill(code_llama_tokenizer_file: Path) -> None:
    tokenizer = SentencePieceTokenizer(code_llama_tokenizer_file, FIM_PIECES)
    assert find_fim_ids(CODE_LLAMA, tokenizer.id_of, 32000) is None


def test_endless_lines_do_not_fill_the_memory() -> None:
    """One-line files: each keystroke makes a new line, and each was kept once."""
    tokenizer = SentencePieceTokenizer(
        PROJECT / "model_runtime" / "starter" / "tokenizer.model", FIM_PIECES
    )
    for length in range(1000, 1010):
        line = "x" * length
        assert tokenizer.decode(tokenizer.encode_continuation(line)) == line
    assert tokenizer._encode_cached.cache_info().currsize == 0


def test_indentation_and_leading_spaces_survive_decoding() -> None:
    for text in ("    return x", "\treturn", " x", "\n\n  y  "):
        assert STARTER.decode(STARTER.encode_continuation(text)) == text
