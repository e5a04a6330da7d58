"""Follows what was offered to the editor: which answers are the same suggestion, and what became of
it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lsp_server.context.windows import CursorContext
from lsp_server.statistics import Outcome, SuggestionRecord

_MOST_FOLLOWED = 256
_ORDER = list(Outcome)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Place:
    """The newest suggestion in a document. prefix: where it was made; `whole` is the text once it
    is accepted.
    """

    id: str
    prefix: str
    whole: str


class Offers:
    """All suggestions of one session.

    save: keeps records, off the event loop's thread. Raises OSError.
    """

    def __init__(self, save: Callable[[Sequence[SuggestionRecord]], None]) -> None:
        self._save = save
        self._session = os.urandom(6).hex()
        self._num_offered = 0
        self._records: dict[str, SuggestionRecord] = {}
        self._places: dict[str, _Place] = {}
        self._num_there: dict[str, int] = {}  # characters of a suggestion, typed or accepted
        self._unsaved: dict[str, None] = {}  # in the order of their changes
        self._failed = False

    def offer(self, uri: str, context: CursorContext, text: str, record: SuggestionRecord) -> str:
        """Note a suggestion and return its id, within this session: that of the one before where
        somebody has only typed along with it. record: its id does not matter.
        """
        whole, last = context.prefix + text, self._places.get(uri)
        if last and whole == last.whole and context.prefix.startswith(last.prefix):
            self._num_there[last.id] = len(context.prefix) - len(last.prefix)
            return last.id
        self._num_offered += 1
        identity = str(self._num_offered)
        self._places[uri] = _Place(identity, context.prefix, whole)
        self._note(identity, replace(record, id=f"{self._session}-{identity}"))
        return identity

    def shown(self, identity: str) -> None:
        """The editor has drawn it."""
        self._advance(identity, Outcome.SHOWN)

    def dismissed(self, identity: str) -> None:
        """It was taken away, and not by typing on."""
        self._advance(identity, Outcome.DISMISSED)

    def accepted(self, identity: str, num_chars: int | None = None) -> None:
        """It was accepted: all of it, or so many characters more. What somebody has typed of it
        was not.
        """
        record = self._records.get(identity)
        if record is None:
            return
        num_there = max(self._num_there.get(identity, 0), record.num_accepted)
        num_new = record.num_chars - num_there if num_chars is None else num_chars
        total = max(0, min(record.num_accepted + num_new, record.num_chars))
        is_whole = num_there + num_new >= record.num_chars
        outcome = Outcome.ACCEPTED if is_whole else Outcome.PARTLY
        self._note(identity, replace(record, num_accepted=total))
        self._advance(identity, outcome)

    def forget(self, uri: str) -> None:
        """The document was closed."""
        self._places.pop(uri, None)

    @property
    def num_unsaved(self) -> int:
        """Suggestions that have changed since the last `flush`."""
        return len(self._unsaved)

    async def flush(self) -> None:
        """Save what has changed."""
        records = [self._records[identity] for identity in self._unsaved]
        self._unsaved.clear()
        while len(self._records) > _MOST_FOLLOWED:
            oldest = next(iter(self._records))
            del self._records[oldest]
            self._num_there.pop(oldest, None)
        if records:
            await asyncio.to_thread(self._try_to_save, records)

    def _advance(self, identity: str, outcome: Outcome) -> None:
        record = self._records.get(identity)
        if record and _ORDER.index(outcome) > _ORDER.index(record.outcome):
            self._note(identity, replace(record, outcome=outcome))

    def _note(self, identity: str, record: SuggestionRecord) -> None:
        self._records[identity] = record
        self._unsaved[identity] = None

    def _try_to_save(self, records: Sequence[SuggestionRecord]) -> None:
        try:
            self._save(records)
        except OSError as error:
            logger.log(
                logging.DEBUG if self._failed else logging.WARNING,
                "Statistics cannot be saved: %s",
                error,
            )
            self._failed = True


def offered_now(language: str, model: str, num_chars: int, latency_ms: float) -> SuggestionRecord:
    """The record of a suggestion that is being sent."""
    return SuggestionRecord(
        id="",
        at=time.time(),
        language=language,
        model=model,
        num_chars=num_chars,
        latency_ms=latency_ms,
    )
