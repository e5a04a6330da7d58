"""Drafts are guesses: right ones save steps, wrong ones change nothing and soon stop.

Tokens are words here, so that the scenarios read as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.drafting import Drafter, DraftPolicy, DraftSettings, Source, SourceKind
from model_runtime.ngrams import NgramIndex
from model_runtime.step_costs import StepCosts

# A pass over 16 tokens lasts twice as long as one over a single token.
CHEAP_CHECKS = StepCosts.fitted([(1, 10.0), (16, 20.0), (512, 400.0)])
# Nothing is gained by checking several tokens in one pass.
DEAR_CHECKS = StepCosts.fitted([(1, 10.0), (16, 160.0)])
ids_lists = st.lists(st.integers(0, 4), max_size=30)


class Words:
    """Numbers words as they come."""

    def __init__(self) -> None:
        self._words: list[str] = []

    def ids(self, text: str) -> list[int]:
        words = text.split()
        self._words += dict.fromkeys(word for word in words if word not in self._words)
        return [self._words.index(word) for word in words]

    def text(self, ids: Sequence[int]) -> str:
        return " ".join(self._words[i] for i in ids)


class Typing:
    """Drafts for a text given as words."""

    def __init__(
        self, *guesses: str, document: str = "", policy: DraftPolicy | None = None
    ) -> None:
        self.words = Words()
        context = self.words.ids(document)
        self.drafter = Drafter(
            context, [self.words.ids(guess) for guess in guesses], policy or eager_policy()
        )

    def propose(self, limit: int = 8, allowed: str | None = None) -> str:
        permitted = None if allowed is None else frozenset(self.words.ids(allowed))
        return self.words.text(self.drafter.propose(limit, allowed=permitted))

    def chosen(self, text: str) -> None:
        for token in self.words.ids(text):
            self.drafter.accepted([token])


def eager_policy() -> DraftPolicy:
    """Believes everything for long, so that what is proposed shows what was found."""
    sure = (0.99,) * 9
    settings = DraftSettings(rate=0.001, priors=dict.fromkeys(SourceKind, sure))
    return DraftPolicy(CHEAP_CHECKS, settings)


def generate(drafter: Drafter, text: Sequence[int], limit: int = 8) -> tuple[list[int], int]:
    """Check drafts against a model that generates `text`: (what was accepted, number of steps)."""
    chosen: list[int] = []
    num_steps = 0
    while len(chosen) < len(text):
        draft = drafter.propose(limit)
        assert len(draft) <= limit
        step = list(checked(draft, text[len(chosen) :]))
        drafter.accepted(step)
        chosen += step
        num_steps += 1
    return chosen, num_steps


def checked(draft: Sequence[int], truth: Sequence[int]) -> Iterator[int]:
    """The longest agreeing run and the model's own next token."""
    for guessed, right in zip([*draft, None], truth, strict=False):
        yield right
        if guessed != right:
            return


@given(ids_lists, st.lists(ids_lists, max_size=3), ids_lists, st.integers(0, 9))
def test_whatever_is_guessed_the_model_decides(
    context: list[int], guesses: list[list[int]], text: list[int], limit: int
) -> None:
    drafter = Drafter(context, guesses, DraftPolicy(CHEAP_CHECKS))
    chosen, num_steps = generate(drafter, text, limit)
    assert chosen == text
    assert num_steps <= len(text)
    assert num_steps >= len(text) - drafter.num_accepted
    assert drafter.num_accepted <= drafter.num_drafted
    assert len(drafter.index) == len(context) + len(text)


@given(ids_lists, ids_lists, st.integers(1, 9))
def test_without_guesses_the_most_recent_longest_match_is_proposed(
    elsewhere: list[int], context: list[int], limit: int
) -> None:
    drafter = Drafter(context, [], eager_policy(), elsewhere=elsewhere)
    expected = NgramIndex(elsewhere + context).continuation(limit).ids
    assert drafter.propose(limit) == expected


@given(st.lists(st.integers(0, 99), min_size=1, max_size=40))
def test_a_right_guess_takes_few_steps(text: list[int]) -> None:
    _, num_steps = generate(Drafter([], [text], eager_policy()), text)
    assert num_steps == -(-len(text) // 9)


def test_the_rest_of_the_suggestion_is_proposed_and_followed() -> None:
    typing = Typing("foo ( bar , baz )")
    assert typing.propose() == "foo ( bar , baz )"
    typing.chosen("foo ( bar")
    assert typing.propose() == ", baz )"


def test_a_replaced_token_leads_to_the_token_behind_it() -> None:
    typing = Typing("foo ( bar , baz )")
    typing.chosen("q")
    assert typing.propose() == ""
    typing.chosen("(")
    assert typing.propose() == "bar , baz )"


def test_an_inserted_token_leads_back_to_the_same_place() -> None:
    typing = Typing("foo ( bar , baz )")
    typing.chosen("await foo")
    assert typing.propose() == "( bar , baz )"


def test_left_out_tokens_are_left_out() -> None:
    typing = Typing("foo ( bar , baz )")
    typing.chosen("foo ( baz")
    assert typing.propose() == ")"


def test_several_replaced_tokens() -> None:
    typing = Typing("return self . first . name ( )")
    typing.chosen("return other . second . name")
    assert typing.propose() == "( )"


def test_of_two_places_the_one_that_more_tokens_lead_to_is_taken() -> None:
    typing = Typing("a = f ( x ) ; b = g ( y ) ; end")
    typing.chosen("c = g (")
    assert typing.propose() == "y ) ; end"


def test_a_place_taken_too_soon_is_given_up_for_the_right_one() -> None:
    typing = Typing("if x : print ( x , y ) else : stop")
    typing.chosen("if not")
    typing.chosen(":")  # looks as if `x` had been replaced
    assert typing.propose(9) == "print ( x , y ) else : stop"
    typing.chosen("print (")
    assert typing.propose() == "x , y ) else : stop"


def test_what_surely_agreed_is_not_proposed_again() -> None:
    typing = Typing("f ( x ) , g ( y )")
    typing.chosen("f ( x ) ,")
    typing.chosen("h (")
    assert typing.propose(2) == "y )"


def test_deleted_text_is_proposed_when_the_suggestion_has_failed() -> None:
    typing = Typing("foo ( bar )", "while True : pass")
    assert typing.propose() == "foo ( bar )"
    typing.chosen("while")
    assert typing.propose() == "True : pass"


def test_the_document_continues_where_guesses_end() -> None:
    typing = Typing("total += price", document="count += price * amount ; sum ;")
    assert typing.propose() == "total += price * amount ; sum ;"


def test_a_healed_prompt_takes_only_what_begins_with_what_was_typed() -> None:
    typing = Typing("bar ( )", document="x = foo ( ) ; x = bar ; x =")
    assert typing.propose(3, allowed="foo food") == "foo ( )"
    assert typing.propose(3, allowed="bar bark") == "bar ( )"
    assert typing.propose(3, allowed="egg") == ""


def test_control_tokens_are_not_drafted() -> None:
    drafter = Drafter([1, 2, 7, 3, 1], [], eager_policy(), control_ids={7})
    assert drafter.propose(4) == [2]


def test_nothing_is_proposed_without_room() -> None:
    assert Typing("foo", document="a b a").propose(0) == ""


def hopeless(policy: DraftPolicy, num_steps: int) -> int:
    """How many tokens are drafted while the text never goes on as the document did."""
    drafter = Drafter([1, 2, 3, 4, 5, 1], [], policy)
    for step in range(num_steps):
        drafter.propose(8)
        drafter.accepted([100 + step, 1])
    return drafter.num_drafted


def test_drafting_that_never_pays_stops() -> None:
    policy = DraftPolicy(CHEAP_CHECKS)
    hopeless(policy, 100)
    num_drafted = hopeless(policy, 320)
    assert num_drafted <= 320 / 32 * 2


def test_drafting_comes_back_when_it_pays_again() -> None:
    policy = DraftPolicy(CHEAP_CHECKS)
    hopeless(policy, 200)
    _, steps_at_first = generate(Drafter([1, 2], [], policy), [1, 2] * 100)
    for _ in range(20):
        generate(Drafter([1, 2], [], policy), [1, 2] * 100)
    _, steps_in_the_end = generate(Drafter([1, 2], [], policy), [1, 2] * 100)
    assert steps_in_the_end < steps_at_first
    assert steps_in_the_end < 30


def test_nothing_is_drafted_where_checking_costs_as_much_as_generating() -> None:
    drafter = Drafter([], [[1, 2, 3]], DraftPolicy(DEAR_CHECKS))
    assert drafter.propose(8) == []


def test_drafts_ride_along_for_free_in_a_step_that_is_long_anyway() -> None:
    """Where the costs are level, more tokens in a step cost nothing."""
    costs = StepCosts.fitted([(1, 10.0), (8, 80.0), (32, 81.0), (33, 120.0)])
    source = [Source.of(SourceKind.NGRAM, 1)] * 4
    policy = DraftPolicy(costs)
    assert policy.length(source) == 0
    assert policy.length(source, batch_tokens=8) == 4


def test_the_likelier_the_longer() -> None:
    policy = DraftPolicy(CHEAP_CHECKS)
    source = Source.of(SourceKind.DELETED, 0)
    lengths = []
    for _ in range(150):
        lengths.append(policy.length([source] * 15))
        policy.record([source], None)
    assert all(a <= b for a, b in pairwise(lengths))
    assert lengths[0] < lengths[-1] == 15


@pytest.mark.parametrize("right", [True, False])
def test_an_estimate_follows_what_happens(right: bool) -> None:
    policy = DraftPolicy(CHEAP_CHECKS)
    source = Source.of(SourceKind.NGRAM, 3)
    for _ in range(200):
        policy.record([source] * right, None if right else source)
    assert policy.chance(source) == pytest.approx(float(right), abs=0.02)


def test_tokens_chosen_without_a_draft_teach_nothing() -> None:
    policy = DraftPolicy(CHEAP_CHECKS)
    before = policy.chance(Source.of(SourceKind.SUGGESTION, 0))
    drafter = Drafter([], [[1, 2]], policy)
    drafter.accepted([3, 4])
    assert policy.chance(Source.of(SourceKind.SUGGESTION, 0)) == before
    assert drafter.num_drafted == 0
