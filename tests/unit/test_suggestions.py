from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lsp_server.context.windows import CursorContext
from lsp_server.postprocess import Rejected, Rejection, Suggestion, fitted
from lsp_server.suggestions import (
    MAX_DELETED_CHARS,
    MAX_DEPARTED_CHARS,
    DocumentMemory,
    Remembered,
    SuggestionStore,
    Written,
    accepted,
    typed_since,
)
from tests.fakes import MODEL


def at(fixture: str) -> CursorContext:
    prefix, cursor, suffix = fixture.partition("‸")
    assert cursor
    return CursorContext(prefix, suffix)


def answer(fixture: str, text: str, worth: str | Rejected | None = None) -> Remembered:
    return Remembered(Written(at(fixture), text), text if worth is None else worth)


def after_accepting(fixture: str, suggestion: Suggestion | Rejected | None) -> str:
    assert isinstance(suggestion, Suggestion), suggestion
    place = accepted(at(fixture), suggestion)
    return f"{place.prefix}‸{place.suffix}"


@pytest.mark.parametrize(
    ("shown", "text", "now", "expected"),
    [
        ("a = ‸\n", "b + c", "a = ‸\n", "a = b + c‸\n"),
        ("a = ‸\n", "b + c", "a = b +‸\n", "a = b + c‸\n"),
        ("f‸", "(x):\n    return x", "f(x):\n    ‸", "f(x):\n    return x‸"),
        # auto-closed while it is typed along, and typed over
        ("f‸\n", "(a, b)", "f(‸)\n", "f(a, b‸)\n"),
        ("f‸\n", "(a, b)", "f(a, ‸)\n", "f(a, b‸)\n"),
        ("f‸\n", "(a)[b]", "f(a)‸\n", "f(a)[b]‸\n"),
        ("f(‸)\n", "a) + b", "f(a)‸\n", "f(a) + b‸\n"),
        ("f(‸)\n", "a) + b", "f(a‸)\n", "f(a) + b‸\n"),
        ("x = ‸\n", "d['k'] + 1", "x = d['‸']\n", "x = d['k'] + 1‸\n"),
        ("def f‸\n", "(x):\n    return x", "def f(x‸)\n", "def f(x):\n    return x‸\n"),
        ("f(‸, y)\n", "a, b", "f(a‸, y)\n", "f(a, b‸, y)\n"),
    ],
)
def test_typing_along_goes_on_to_the_same_text(
    shown: str, text: str, now: str, expected: str
) -> None:
    memory = DocumentMemory()
    memory.remember(answer(shown, text))
    assert after_accepting(now, memory.known(at(now))) == expected


@given(
    st.sampled_from(["f(", "x = ", "f('", "x = [f(", ""]),
    st.text("ab()[]',\n ", min_size=1, max_size=12),
    st.sampled_from(["", ")", "')", ")]", " + b", "):"]),
    st.integers(0, 11),
)
def test_accepting_the_rest_is_accepting_the_whole(
    before: str, text: str, rest: str, num_typed: int
) -> None:
    place = CursorContext(before, rest + "\nc = 1")
    shown = fitted(text, place)
    assume(isinstance(shown, Suggestion) and shown.text[num_typed:].strip())
    assert isinstance(shown, Suggestion)
    now = CursorContext(before + shown.text[:num_typed], place.suffix)
    memory = DocumentMemory()
    memory.remember(Remembered(Written(place, text), text))
    known = memory.known(now)
    assert isinstance(known, Suggestion)
    assert accepted(now, known) == accepted(place, shown)


PAIRS = {"(": ")", "[": "]", "{": "}", "'": "'", '"': '"'}


def typed_in_an_editor(place: CursorContext, text: str) -> Iterator[CursorContext]:
    """Where an editor is that closes brackets and quotes itself, and lets them be typed over."""
    prefix, suffix, num_closed = place.prefix, place.suffix, 0
    for char in text:
        if num_closed and suffix.startswith(char):
            suffix, num_closed = suffix[1:], num_closed - 1
        elif char in PAIRS and not (prefix[-1:].isalnum() and char in "'\""):
            suffix, num_closed = PAIRS[char] + suffix, num_closed + 1
        prefix += char
        yield CursorContext(prefix, suffix)


@pytest.mark.parametrize(
    ("fixture", "text"),
    [
        ("x = ‸", "f(g(a), 'b')[0] + c"),
        ("print‸", "(foo(bar('x'))) or y"),
        ("‸", "def f(x):\n    return [x] + y"),
        ("x = ‸", "{'a': [1, 2], 'b': (3,)} | d"),
        ("foo(‸)", "bar(a), b"),
        ("s = ‸", '"it\'s" + "x" * n'),
        ("if ‸", "a[0] == 'x':\n    b = f('y') or z"),
    ],
)
def test_marks_that_an_editor_closes_are_typed_along(fixture: str, text: str) -> None:
    place = at(fixture + "\nc = 1\n")
    memory = DocumentMemory()
    memory.remember(Remembered(Written(place, text), text))
    whole = accepted(place, Suggestion(text))
    for now in typed_in_an_editor(place, text[:-1]):
        known = memory.known(now)
        assert isinstance(known, Suggestion), now
        end = accepted(now, known)
        assert end.prefix + end.suffix == whole.prefix + whole.suffix


@pytest.mark.parametrize(
    "now",
    [
        "a = c‸\n",  # something else was typed
        "a = b + c‸\n",  # all of it
        "a = b + c  ‸\n",
        "a =‸\n",
        "x = 1\na = ‸\n",
        "a = b‸ + 1\n",
        "a = b‸\nd = 1\n",
    ],
)
def test_elsewhere_only_a_model_can_tell(now: str) -> None:
    memory = DocumentMemory()
    memory.remember(answer("a = ‸\n", "b + c"))
    assert memory.known(at(now)) is None


def test_backspace_leads_back_to_what_was_shown_before_the_typing_error() -> None:
    memory = DocumentMemory()
    memory.remember(answer("a = ‸", "value"))
    memory.remember(answer("a = vs‸", "um(x)"))
    assert memory.known(at("a = v‸")) == Suggestion("alue")
    assert memory.known(at("a = vs‸")) == Suggestion("um(x)")


def test_whoever_types_along_with_any_of_what_was_shown_follows_it() -> None:
    memory = DocumentMemory()
    memory.remember(answer("a = ‸", "value"))
    memory.remember(answer("a = vs‸", "um(x)"))
    assert memory.is_followed(at("a = va‸"))
    assert memory.is_followed(at("a = vsum(x)‸"))
    assert not memory.is_followed(at("a = vx‸"))


def test_that_nothing_is_to_be_said_holds_for_this_place_only() -> None:
    memory = DocumentMemory()
    memory.remember(answer("a‸", "", Rejected(Rejection.BLANK)))
    assert memory.known(at("a‸")) == Rejected(Rejection.BLANK)
    assert memory.known(at("ab‸")) is None


def test_what_comes_after_accepting_is_known_where_it_was_expected() -> None:
    memory = DocumentMemory()
    memory.remember(answer("a = ‸", "b"))
    assert memory.expect(at("a = b‸"))
    assert not memory.expect(at("a = b‸")), "it is being computed already"
    memory.remember_ahead(answer("a = b‸", " + c"))
    assert memory.known(at("a = ‸")) == Suggestion("b")
    assert memory.known(at("a = b‸")) == Suggestion(" + c")
    assert memory.known(at("a = b +‸")) == Suggestion(" c")


def test_what_was_expected_is_forgotten_when_the_text_goes_elsewhere() -> None:
    memory = DocumentMemory()
    memory.expect(at("a = b‸"))
    memory.remember_ahead(answer("a = b‸", " + c"))
    memory.forget_ahead()
    assert memory.known(at("a = b‸")) is None
    memory.expect(at("x‸"))
    memory.remember_ahead(answer("a = b‸", " + c"))
    assert memory.known(at("a = b‸")) is None, "an answer that nobody expects any more"


@pytest.mark.parametrize(
    ("now", "drafts"),
    [
        ("a = ‸", ("first + second",)),
        ("a = fi‸", ("rst + second",)),
        ("a = fa‸", ("rst + second",)),
        ("a = fast‸", ("rst + second",)),
        ("a = first + second‸", ()),
        ("a = first + seconds‸", ()),
        ("a = x\n‸", ()),
        ("a =‸", ()),
        ("a = x" + "x" * MAX_DEPARTED_CHARS + "‸", ()),
    ],
)
def test_what_is_behind_the_departing_character_is_a_draft(
    now: str, drafts: tuple[str, ...]
) -> None:
    memory = DocumentMemory()
    memory.remember(answer("a = ‸", "first + second"))
    assert memory.drafts(at(now)) == drafts


def test_a_draft_is_all_that_was_written_also_what_was_not_worth_showing() -> None:
    memory = DocumentMemory()
    memory.remember(answer("a = ‸", "b\n\n\nc = d", "b"))
    assert memory.drafts(at("a = b‸")) == ("\n\n\nc = d",)
    memory.remember(answer("a = ‸", "b + c", Rejected(Rejection.UNSURE)))
    assert memory.drafts(at("a = b‸")) == (" + c", "\n\n\nc = d")


def test_what_an_aborted_request_had_written_is_the_first_draft() -> None:
    memory = DocumentMemory()
    memory.remember(answer("a = ‸", "first"))
    memory.hear(Written(at("a = s‸"), "econd +"))
    assert memory.drafts(at("a = se‸")) == ("cond +", "irst")


def test_what_was_written_so_far_for_the_place_that_is_accepted_is_a_draft() -> None:
    memory = DocumentMemory()
    memory.expect(at("a = b‸"))
    memory.hear_ahead(Written(at("a = b‸"), " + "))
    memory.hear_ahead(Written(at("a = b‸"), " + c"))
    memory.hear_ahead(Written(at("other‸"), "x"))
    assert memory.drafts(at("a = b‸")) == (" + c",)


def test_deleted_text_is_a_draft_at_its_place_and_behind_what_is_typed_there() -> None:
    memory = DocumentMemory()
    memory.remember(answer("a = ‸", "x"))
    memory.note_deleted(Written(at("a = ‸\n"), "value + 1"))
    assert memory.drafts(at("a = ‸\n")) == ("value + 1",)
    assert memory.drafts(at("a = va‸\n")) == ("lue + 1",)
    assert memory.drafts(at("a = g‸\n")) == ("alue + 1",)
    assert memory.drafts(at("b = ‸\n")) == ()


def test_backspace_and_delete_add_up() -> None:
    memory = DocumentMemory()
    memory.note_deleted(Written(at("ab‸ef"), "c"))
    memory.note_deleted(Written(at("a‸ef"), "b"))
    assert memory.drafts(at("a‸ef")) == ("bc",)
    memory.note_deleted(Written(at("a‸f"), "e"))
    assert memory.drafts(at("a‸f")) == ("bce",)
    memory.note_deleted(Written(at("x‸"), "y"))
    assert memory.drafts(at("x‸")) == ("y",)


def test_of_a_long_deleted_text_the_beginning_is_kept() -> None:
    memory = DocumentMemory()
    memory.note_deleted(Written(at("‸"), "0123456789" * 100))
    (draft,) = memory.drafts(at("‸"))
    assert draft == ("0123456789" * 100)[:MAX_DELETED_CHARS]


@pytest.mark.parametrize(
    ("before", "now", "typed"),
    [
        ("f‸\nx", "f(‸)\nx", "("),
        ("f(‸)\nx", "f()‸\nx", ")"),
        ("f(‸)\nx", "f(\n    ‸\n)\nx", None),
        ("f‸\nx", "f(‸b)\nx", None),
        ("f‸ + 1", "f(‸) + 1", "("),
        ("f‸ + 1", "f(‸) + 2", None),
    ],
)
def test_only_closing_marks_may_change_behind_the_cursor(
    before: str, now: str, typed: str | None
) -> None:
    assert typed_since(at(before), at(now)) == typed


def test_another_model_makes_the_store_forget() -> None:
    store = SuggestionStore()
    store.answers_come_from(MODEL)
    store.of("a").remember(answer("‸", "x"))
    store.answers_come_from(MODEL)
    assert store.of("a").known(at("‸")) == Suggestion("x")
    assert store.of("b").known(at("‸")) is None
    store.forget("a")
    assert store.of("a").known(at("‸")) is None
