"""Cutting and laying out holes."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.fim import Hole, cut, encode_plain, encode_psm, encode_spm, first_line_only
from training.sampling import head, tail
from training.tokenizer import Tokenizer

CODE = string.ascii_letters + string.digits + " \n\n()=.,:_'\"#é→\U0001f600"
texts = st.text(CODE, min_size=1, max_size=300)
seeds = st.integers(0, 2**32)


@given(texts, seeds)
def test_the_parts_of_a_hole_are_the_text(text: str, seed: int) -> None:
    assert cut(text, random.Random(seed)).text == text


@settings(max_examples=150, deadline=None)
@given(texts, seeds, st.booleans())
def test_spm_decodes_to_the_same_parts(text: str, seed: int, split_tokens: bool) -> None:
    tokenizer = _tokenizer()
    hole = cut(text, random.Random(seed))
    encoded = encode_spm(tokenizer, hole, 0.5, split_tokens=split_tokens)
    middle_at = encoded.ids.index(tokenizer.mid)
    assert encoded.ids[:3] == [tokenizer.bos, tokenizer.pre, tokenizer.suf]
    assert tokenizer.decode(encoded.ids[3:middle_at]) == hole.suffix
    assert tokenizer.decode(encoded.ids[middle_at + 1 : -1]) == hole.prefix + hole.middle
    assert encoded.ids[-1] == tokenizer.eot


@settings(max_examples=150, deadline=None)
@given(texts, seeds)
def test_psm_decodes_to_the_same_parts(text: str, seed: int) -> None:
    tokenizer = _tokenizer()
    hole = cut(text, random.Random(seed))
    encoded = encode_psm(tokenizer, hole, 0.5)
    suffix_at, middle_at = encoded.ids.index(tokenizer.suf), encoded.ids.index(tokenizer.mid)
    assert encoded.ids[:2] == [tokenizer.bos, tokenizer.pre]
    assert tokenizer.decode(encoded.ids[2:suffix_at]) == hole.prefix
    assert tokenizer.decode(encoded.ids[suffix_at + 1 : middle_at]) == hole.suffix
    assert tokenizer.decode(encoded.ids[middle_at + 1 : -1]) == hole.middle
    assert encoded.ids[-1] == tokenizer.eot


@settings(max_examples=150, deadline=None)
@given(texts, seeds)
def test_full_weight_begins_with_the_token_that_the_middle_begins_in(text: str, seed: int) -> None:
    tokenizer = _tokenizer()
    hole = cut(text, random.Random(seed))
    encoded = encode_spm(tokenizer, hole, 0.25)
    first = encoded.weights.index(1.0)
    prefix_ids = encoded.ids[encoded.ids.index(tokenizer.mid) + 1 : first]
    kept = sum(tokenizer.num_bytes[token] for token in prefix_ids)
    typed = len(hole.prefix.encode())
    assert kept <= typed < kept + max(1, tokenizer.num_bytes[encoded.ids[first]])
    assert set(encoded.weights[1:first]) <= {0.25}
    assert set(encoded.weights[first:]) == {1.0}


def test_prefix_and_middle_share_a_token_at_the_cursor(tokenizer: Tokenizer) -> None:
    hole = Hole("value = ret", "urn_code\n", "")
    joint = encode_spm(tokenizer, hole, 0.5)
    whole = tokenizer.encode(hole.prefix + hole.middle)
    assert joint.ids[4:-1] == whole
    apart = encode_spm(tokenizer, hole, 0.5, split_tokens=True)
    assert apart.ids[4:-1] == tokenizer.encode(hole.prefix) + tokenizer.encode(hole.middle)


def test_only_line_breaks_of_an_spm_prefix_may_be_eot(tokenizer: Tokenizer) -> None:
    hole = Hole("a = 1\nb = 2\nc", " = 3\nd = 4", "\ne = 5\n")
    encoded = encode_spm(tokenizer, hole, 0.5)
    flagged = [place for place, flag in enumerate(encoded.line_ends) if flag]
    assert [encoded.ids[place] for place in flagged] == [tokenizer.newline] * 2
    assert max(flagged) < encoded.weights.index(1.0)
    assert not any(encode_psm(tokenizer, hole, 0.5).line_ends)


def test_complete_text_ends_its_sequence(tokenizer: Tokenizer) -> None:
    assert encode_plain(tokenizer, "x = 1\n", complete=True).ids[-1] == tokenizer.eos
    assert encode_plain(tokenizer, "x = 1\n", complete=False).ids[-1] == tokenizer.newline


@given(texts, seeds)
def test_a_middle_of_one_line_keeps_the_text(text: str, seed: int) -> None:
    hole = cut(text, random.Random(seed))
    short = first_line_only(hole)
    assert short.text == text
    assert "\n" not in short.middle.strip()


@given(texts, st.integers(0, 320))
def test_excerpts_keep_to_their_length_and_to_lines(text: str, num_chars: int) -> None:
    first, last = head(text, num_chars), tail(text, num_chars)
    assert text.startswith(first)
    assert text.endswith(last)
    assert max(len(first), len(last)) <= num_chars
    if len(text) > num_chars and "\n" in text[:num_chars]:
        assert first.endswith("\n")


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_cut_survives_odd_texts(seed: int) -> None:
    for text in ("x", "\n", "   ", '"""doc"""', "\n\n\n", "    a\n"):
        assert cut(text, random.Random(seed)).text == text


def _tokenizer() -> Tokenizer:
    from training.folders import STARTER_FOLDER

    if not _CACHE:
        _CACHE.append(Tokenizer(STARTER_FOLDER / "tokenizer.model"))
    return _CACHE[0]


_CACHE: list[Tokenizer] = []
