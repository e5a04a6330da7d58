"""What was written for places in a document: who types along with it needs no model, and who
departs from it leaves a guess of what comes next. Pure data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lsp_server.context.windows import CursorContext
from lsp_server.postprocess import Rejected, Suggestion, fitted
from lsp_server.rest_of_line import CLOSERS
from lsp_server.source_text import num_common
from model_runtime.api import ModelInfo

MAX_DRAFTS = 4
MAX_DELETED_CHARS = 400
MAX_DEPARTED_CHARS = 80
"""Behind more text than this a guess has nothing to say any more."""
_NUM_REMEMBERED = 4
"""So that one typing error and Backspace lead back to what was shown before it."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text for a place, perhaps only its beginning."""

    context: CursorContext
    text: str

    def goes_on(self, now: CursorContext) -> str:
        """What of the text may follow at another place: the rest where it was typed along, or what
        is behind the character that something else was typed for. Empty if that is unknown.
        """
        typed = typed_since(self.context, now)
        if typed is None:
            return ""
        num_agreeing = num_common(typed, self.text)
        departed = typed[num_agreeing:]
        if "\n" in departed or len(departed) > MAX_DEPARTED_CHARS:
            return ""
        return self.text[num_agreeing + bool(departed) :]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A model's answer.

    written: all of it. worth: what of it was worth showing, not yet fitted to the rest of the line,
    or why nothing was.
    """

    written: Written
    worth: str | Rejected

    def at(self, now: CursorContext) -> Suggestion | Rejected | None:
        """What the answer says at a place; None if that cannot be told without a model."""
        if isinstance(self.worth, Rejected):
            return self.worth if now == self.written.context else None
        if not self.follows(now):
            return None
        rest = self._rest(self.worth, now)
        return rest if isinstance(rest, Suggestion) and rest.text.strip() else None

    def _rest(self, worth: str, now: CursorContext) -> Suggestion | Rejected:
        before = self.written.context
        typed = now.prefix[len(before.prefix) :]
        shown = fitted(worth, before)
        if now.suffix != before.suffix or isinstance(shown, Rejected):
            return fitted(worth[len(typed) :], now)
        return replace(shown, text=shown.text[len(typed) :])

    def follows(self, now: CursorContext) -> bool:
        """Whether between the answer's place and this one nothing was typed but its beginning."""
        typed = typed_since(self.written.context, now)
        return isinstance(self.worth, str) and typed is not None and self.worth.startswith(typed)


def typed_since(before: CursorContext, now: CursorContext) -> str | None:
    """The text that was typed at one place to come to the other; None if that is not all.

    Marks behind the cursor that only close something may have changed: editors add them, and leave
    them out again when they are typed.
    """
    if not now.prefix.startswith(before.prefix):
        return None
    rest, rest_now = before.rest_of_line, now.rest_of_line
    if before.suffix[len(rest) :] != now.suffix[len(rest_now) :]:
        return None
    num_same = num_common(rest[::-1], rest_now[::-1])
    changed = (rest[: len(rest) - num_same], rest_now[: len(rest_now) - num_same])
    marks_only = all(CLOSERS.fullmatch(marks) for marks in changed)
    return now.prefix[len(before.prefix) :] if marks_only else None


def accepted(context: CursorContext, suggestion: Suggestion) -> CursorContext:
    """The place behind a suggestion after accepting it whole."""
    return CursorContext(
        context.prefix + suggestion.text, context.suffix[suggestion.num_replaced :]
    )


class DocumentMemory:
    """What was written for one document lately."""

    def __init__(self) -> None:
        self._answers: deque[Remembered] = deque(maxlen=_NUM_REMEMBERED)  # newest first
        self._heard: Written | None = None
        self._deleted: Written | None = None
        self._ahead: Written | None = None
        self._ahead_answer: Remembered | None = None

    def known(self, now: CursorContext, *, here_only: bool = False) -> Suggestion | Rejected | None:
        """What is to be shown at a place; None if only a model can tell. here_only: what was typed
        along to come here does not count.
        """
        for answer in [self._ahead_answer, *self._answers]:
            if answer is None or (here_only and answer.written.context != now):
                continue
            if (outcome := answer.at(now)) is not None:
                self._make_newest(answer)
                return outcome
        return None

    def is_followed(self, now: CursorContext) -> bool:
        """Whether the user is typing, or has accepted, what was suggested."""
        return any(answer.follows(now) for answer in self._answers)

    def drafts(self, now: CursorContext) -> tuple[str, ...]:
        """Guesses of what comes next, best first."""
        guesses = (each.goes_on(now) for each in self._sources() if each is not None)
        return tuple(dict.fromkeys(guess for guess in guesses if guess.strip()))[:MAX_DRAFTS]

    def hear(self, written: Written) -> None:
        """Note what a model has said so far at the place it was last asked about."""
        self._heard = written

    def remember(self, answer: Remembered) -> None:
        """Note a model's whole answer."""
        self._heard = None
        self._answers.appendleft(answer)

    def expect(self, context: CursorContext) -> bool:
        """Make a place the one whose answer is computed ahead; False if it is already."""
        if self._ahead is not None and self._ahead.context == context:
            return False
        self._ahead, self._ahead_answer = Written(context, ""), None
        return True

    def hear_ahead(self, written: Written) -> None:
        """Note what a model has said so far at the place that is expected."""
        if self._ahead is not None and self._ahead.context == written.context:
            self._ahead = written

    def remember_ahead(self, answer: Remembered) -> None:
        """Note the whole answer for the place that is expected."""
        if self._ahead is not None and self._ahead.context == answer.written.context:
            self._ahead, self._ahead_answer = answer.written, answer

    def abandon_ahead(self, now: CursorContext) -> None:
        """A model is asked about a place: keep an answer that may still be reached from there."""
        if self._ahead_answer is None or not self.is_followed(now):
            self.forget_ahead()

    def forget_ahead(self) -> None:
        """The text went elsewhere."""
        self._ahead = self._ahead_answer = None

    def note_deleted(self, deleted: Written) -> None:
        """Note a text that is no longer at its place; what the deletion before it has taken from
        the same place is added to it.
        """
        if self._deleted is not None:
            deleted = _joined(self._deleted, deleted)
        self._deleted = replace(deleted, text=deleted.text[:MAX_DELETED_CHARS])

    def _make_newest(self, answer: Remembered) -> None:
        if answer is self._ahead_answer:
            self.forget_ahead()
        else:
            self._answers.remove(answer)
        self._answers.appendleft(answer)

    def _sources(self) -> Iterator[Written | None]:
        yield self._heard
        yield self._ahead
        yield from (each.written for each in self._answers)
        yield self._deleted


def _joined(earlier: Written, now: Written) -> Written:
    """Both texts, if Backspace or Delete has gone on where it was; otherwise only what is deleted
    now.
    """
    before, after = earlier.context, now.context
    if (before.prefix, before.suffix) == (after.prefix + now.text, after.suffix):
        return replace(now, text=now.text + earlier.text)
    if (before.prefix, before.suffix) == (after.prefix, now.text + after.suffix):
        return replace(now, text=earlier.text + now.text)
    return now


class SuggestionStore:
    """The memories of all documents, by URI."""

    def __init__(self) -> None:
        self._memories: dict[str, DocumentMemory] = {}
        self._model: ModelInfo | None = None

    def answers_come_from(self, model: ModelInfo) -> None:
        """Forget what another model has said."""
        if model != self._model:
            self.clear()
            self._model = model

    def of(self, uri: str) -> DocumentMemory:
        return self._memories.setdefault(uri, DocumentMemory())

    def forget(self, uri: str) -> None:
        self._memories.pop(uri, None)

    def clear(self) -> None:
        """Forget everything."""
        self._memories.clear()
