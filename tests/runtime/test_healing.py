"""The tail that is regenerated, and which tokens may begin it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.healing import ByteVocabulary, split_for_healing


@pytest.mark.parametrize(
    ("prefix", "tail"),
    [
        ("x = fo", " fo"),
        ("x = ", " "),
        ("x =", " ="),
        ("    retur", "retur"),
        ("    self.na", "na"),
        ("foo(", "("),
        ("if x:\n    ", ""),
        ("if x:\n", ""),
        ("", ""),
        ("naïve_é", "naïve_é"),
        ("a\n   b", "b"),
        ("x\t", ""),
    ],
)
def test_tail(prefix: str, tail: str) -> None:
    kept, removed = split_for_healing(prefix, merges_indentation=False)
    assert (kept + removed, removed) == (prefix, tail)


def test_the_last_space_of_an_indentation_joins_the_next_word_where_the_tokenizer_does_that() -> (
    None
):
    assert split_for_healing("if x:\n    ", merges_indentation=True) == ("if x:\n   ", " ")


@given(st.text("ab_ \n\t(.=é😀", max_size=40), st.booleans())
def test_never_across_a_line_break(prefix: str, merges: bool) -> None:
    kept, tail = split_for_healing(prefix, merges_indentation=merges)
    assert kept + tail == prefix
    assert "\n" not in tail


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.binary(min_size=1, max_size=6))
def test_compatible_tokens_are_all_and_only_those(vocabulary: list[bytes], target: bytes) -> None:
    if not any(vocabulary):
        vocabulary.append(b"a")
    expected = {
        i for i, b in enumerate(vocabulary) if b and (b.startswith(target) or target.startswith(b))
    }
    found = ByteVocabulary(vocabulary).compatible(target)
    assert set(found) == expected
    assert len(found) == len(expected)
