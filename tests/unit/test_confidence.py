from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lsp_server.confidence import (
    TokenScore,
    may_speak,
    mean_logprob,
    scores_of_chunk,
    shown_unasked,
    sure_part,
)
from model_runtime.api import ModelInfo

ANY = ModelInfo(id="m", context_length=99, capabilities=frozenset(), min_token_logprob=-2.0)
OF_PYTHON = replace(ANY, languages=("python",), min_token_logprob_elsewhere=-0.5)
LINES = ":\n    a = 1\n    b = 2\n    return c"


def scored(text: str, doubtful: str = "", end: float | None = None) -> list[TokenScore]:
    """Scores of a text's words and line breaks: -1, and -9 for the word `doubtful`; `end` is the
    score of what ended the text.
    """
    tokens = re.finditer(r"\n| *[^ \n]+", text)
    scores = [
        TokenScore(token.start(), -9.0 if doubtful and token[0].strip() == doubtful else -1.0)
        for token in tokens
    ]
    return scores if end is None else [*scores, TokenScore(len(text), end)]


def sure(
    text: str,
    scores: list[TokenScore],
    mean: float | None = None,
    token: float | None = None,
) -> str:
    return sure_part(text, scores, min_mean_logprob=mean, min_token_logprob=token)


@pytest.mark.parametrize(
    ("text", "num_tokens", "offsets"),
    [
        ("a", 1, [7]),
        ("", 1, [7]),
        ("", 3, [7, 7, 7]),
        ("return", 3, [7, 7, 7]),  # the tokens that healing made again
        ("\n", 1, [7]),
        ("\n    a", 1, [7]),
        ("\n    a", 2, [7, 8]),
        ("\n\na", 3, [7, 8, 9]),
    ],
)
def test_where_the_tokens_of_a_chunk_begin(text: str, num_tokens: int, offsets: list[int]) -> None:
    scores = scores_of_chunk(7, text, [-1.0] * num_tokens)
    assert [score.offset for score in scores] == offsets


@pytest.mark.parametrize(("threshold", "shown"), [(-2.1, "a b"), (-2.0, "a b"), (-1.9, "")])
def test_a_text_is_shown_if_its_mean_reaches_the_threshold(threshold: float, shown: str) -> None:
    scores = [TokenScore(0, -1.0), TokenScore(1, -3.0)]
    assert sure("a b", scores, mean=threshold) == shown


def test_the_token_that_ends_the_text_counts_where_it_is_known() -> None:
    assert mean_logprob(scored("a b"), 3) == -1
    assert mean_logprob(scored("a b", end=-7.0), 3) == -3


def test_what_is_behind_the_shown_text_does_not_count() -> None:
    scores = [*scored("a b", end=-1.0), TokenScore(4, -50.0), TokenScore(5, -50.0)]
    assert mean_logprob(scores, 3) == -1


@pytest.mark.parametrize(
    ("doubtful", "shown"),
    [
        ("return", ":\n    a = 1\n    b = 2"),
        ("c", ":\n    a = 1\n    b = 2"),
        ("b", ":\n    a = 1"),
        ("a", ":"),
        (":", ""),
        ("nowhere", LINES),
    ],
)
def test_lines_are_shown_up_to_the_first_doubtful_token(doubtful: str, shown: str) -> None:
    assert sure(LINES, scored(LINES, doubtful), token=-5.0) == shown


@pytest.mark.parametrize("doubtful", ["x", "y"])
def test_a_doubtful_first_line_is_not_shown(doubtful: str) -> None:
    assert sure("x y", scored("x y", doubtful), token=-5.0) == ""
    text = "\n    x y\n    z"
    assert sure(text, scored(text, doubtful), token=-5.0) == ""


def test_a_line_is_doubtful_if_its_end_is() -> None:
    assert sure("x y", scored("x y", end=-9.0), token=-5.0) == ""
    assert sure("a\nx y", scored("a\nx y", end=-9.0), token=-5.0) == "a"
    behind = [*scored("x y", end=-1.0), TokenScore(4, -9.0)]
    assert sure("x y", behind, token=-5.0) == "x y"


def test_a_doubtful_line_break_takes_the_line_before_it_along() -> None:
    text = "a\nb\nc"
    scores = [TokenScore(at, -9.0 if at == 3 else -1.0) for at in range(5)]
    assert sure(text, scores, token=-5.0) == "a"


def test_the_mean_is_that_of_what_is_left() -> None:
    text = "a\nb"
    scores = [TokenScore(0, -1.0), TokenScore(1, -1.0), TokenScore(2, -20.0)]
    assert sure(text, scores, mean=-2.0) == ""
    assert sure(text, scores, mean=-2.0, token=-5.0) == "a"


def test_nothing_is_withheld_without_thresholds_or_scores() -> None:
    assert sure(LINES, scored(LINES, "a")) == LINES
    assert sure(LINES, [], mean=-0.1, token=-0.1) == LINES


@pytest.mark.parametrize(
    ("model", "language", "shown"),
    [
        (OF_PYTHON, "python", True),
        (OF_PYTHON, "svelte", False),
        (replace(OF_PYTHON, min_token_logprob_elsewhere=-1.5), "svelte", True),
        (replace(OF_PYTHON, min_token_logprob_elsewhere=None), "svelte", True),
        (ANY, "svelte", True),
        (ANY, "markdown", True),
        (ANY, "", True),
    ],
)
def test_a_model_has_to_be_surer_in_a_language_that_it_was_not_trained_on(
    model: ModelInfo, language: str, shown: bool
) -> None:
    text = "a = 1"
    assert shown_unasked(text, scored(text), model, language) == (text if shown else "")


@pytest.mark.parametrize("language", ["markdown", "plaintext", "rst", "gitcommit", "txt", ""])
def test_in_prose_a_model_of_certain_languages_says_nothing_however_sure_it_is(
    language: str,
) -> None:
    assert not may_speak(OF_PYTHON, language)
    assert shown_unasked("a", [TokenScore(0, 0.0)], OF_PYTHON, language) == ""
    assert shown_unasked("a", [TokenScore(0, 0.0)], ANY, language) == "a"
    assert may_speak(replace(ANY, languages=(language,)), language)
