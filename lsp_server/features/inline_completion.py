"""`textDocument/inlineCompletion`: ghost text."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.context.place import context_at
from lsp_server.convert import position_from_lsp, range_to_lsp
from lsp_server.features.suggestion_events import command_of
from lsp_server.ghost_text import guess_ahead, suggest
from lsp_server.lean_types import types
from lsp_server.offers import offered_now
from lsp_server.postprocess import Rejected, Suggestion

if TYPE_CHECKING:
    from lsp_server.context.windows import CursorContext
    from lsp_server.documents import Document
    from lsp_server.language_server import FimbriaServer
    from lsp_server.source_text import SourceText

NUM_CANDIDATES = 3
_SAVED_AT_ONCE = 8

METHOD = types.TEXT_DOCUMENT_INLINE_COMPLETION

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Site:
    """Where to insert, and what the file would look like at that moment.

    typed: text that comes before the suggestion; the selected entry of a completion menu.
    start, end: the part of the document that `typed` takes the place of; usually the cursor.
    text: the document with `typed` in it, and `offset`, its end.
    """

    typed: str
    start: int
    end: int
    text: SourceText
    offset: int


async def handle(
    ls: FimbriaServer, params: types.InlineCompletionParams
) -> types.InlineCompletionList | None:
    """Suggest what to insert at the cursor.

    No items: there is nothing to say, or the model cannot answer now. None: the question is out of
    date, so that the editor leaves alone what it shows.
    """
    return await answered(ls, params, num_candidates=NUM_CANDIDATES)


async def answered(
    ls: FimbriaServer, params: types.InlineCompletionParams, *, num_candidates: int
) -> types.InlineCompletionList | None:
    """As `handle`; num_candidates: how many texts somebody gets who asks for them."""
    document = ls.documents.snapshot(params.text_document.uri)
    if document is None:
        return types.InlineCompletionList(items=[])
    return await ls.requests.run(document.uri, _complete(ls, document, params, num_candidates))


async def _complete(
    ls: FimbriaServer,
    document: Document,
    params: types.InlineCompletionParams,
    num_candidates: int,
) -> types.InlineCompletionList | None:
    site = _site(ls, document, params)
    context = context_at(ls, document.uri, site.text, site.offset)
    if not (context.prefix + context.suffix).strip():
        return types.InlineCompletionList(items=[])  # a model could only make something up
    automatic = params.context.trigger_kind is types.InlineCompletionTriggerKind.Automatic
    if automatic and context.stands_before_word:
        return types.InlineCompletionList(items=[])  # rarely right, and it breaks what is there
    asked = time.perf_counter()
    outcome = await suggest(
        ls, document.uri, context, num_candidates=None if automatic else num_candidates
    )
    if not ls.documents.is_current(document):
        return None
    took_ms = 1e3 * (time.perf_counter() - asked)
    _log(outcome, took_ms)
    if outcome is None or isinstance(outcome, Rejected):
        return types.InlineCompletionList(items=[])
    guess_ahead(ls, document.uri, context, outcome[0])
    items = []
    for suggestion in outcome:
        item = _item(ls, document, site, suggestion)
        if ls.settings.statistics:
            item.command = command_of(_offer(ls, document, context, suggestion, took_ms))
        items.append(item)
    return types.InlineCompletionList(items=items)


def _offer(
    ls: FimbriaServer,
    document: Document,
    context: CursorContext,
    suggestion: Suggestion,
    took_ms: float,
) -> str:
    model = ls.runtime.ready
    record = offered_now(
        document.language_id, model.id if model else "", len(suggestion.text), took_ms
    )
    if ls.offers.num_unsaved >= _SAVED_AT_ONCE:
        ls.in_background(ls.offers.flush())
    return ls.offers.offer(document.uri, context, suggestion.text, record)


def _log(outcome: list[Suggestion] | Rejected | None, took_ms: float) -> None:
    if isinstance(outcome, Rejected):
        logger.info("Nothing suggested after %.0f ms: %s", took_ms, outcome.reason)
    elif outcome is not None:
        logger.info("Suggested %d characters after %.1f ms", len(outcome[0].text), took_ms)


def _site(ls: FimbriaServer, document: Document, params: types.InlineCompletionParams) -> _Site:
    selected = params.context.selected_completion_info
    if selected is None:
        cursor = document.offset_at(position_from_lsp(params.position), ls.encoding)
        return _Site("", cursor, cursor, document.text, cursor)
    start = document.offset_at(position_from_lsp(selected.range.start), ls.encoding)
    end = document.offset_at(position_from_lsp(selected.range.end), ls.encoding)
    text = document.text.replaced(start, max(start, end), selected.text)
    return _Site(selected.text, start, max(start, end), text, start + len(selected.text))


def _item(
    ls: FimbriaServer, document: Document, site: _Site, suggestion: Suggestion
) -> types.InlineCompletionItem:
    text = suggestion.text.replace("\n", document.text.main_line_break())
    start = document.position_at(site.start, ls.encoding)
    end = document.position_at(site.end + suggestion.num_replaced, ls.encoding)
    return types.InlineCompletionItem(insert_text=site.typed + text, range=range_to_lsp(start, end))
