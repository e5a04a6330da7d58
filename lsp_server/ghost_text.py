"""What to suggest at a place: from memory where that is enough, otherwise from the model; and what
the model computes about a document while nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from lsp_server.confidence import may_speak, shown_unasked
from lsp_server.context import beside
from lsp_server.context.place import context_at
from lsp_server.context.request import completion_request, idle, warm_up_request
from lsp_server.context.windows import before_typing, plain
from lsp_server.postprocess import (
    Rejected,
    Rejection,
    Suggestion,
    fitted,
    is_settled,
    worth_showing,
)
from lsp_server.suggestions import Remembered, Written, accepted
from lsp_server.syntax.languages import grammar_name
from model_runtime.api import Capability

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lsp_server.context.windows import CursorContext
    from lsp_server.documents import Change, Document
    from lsp_server.language_server import FimbriaServer
    from lsp_server.runtime_link import Answer
    from model_runtime.api import CompletionRequest, ModelInfo

QUIET_S = 0.03
"""Whoever asks for ghost text at once after a change does so within this time."""

logger = logging.getLogger(__name__)


async def suggest(
    ls: FimbriaServer, uri: str, context: CursorContext, *, num_candidates: int | None
) -> list[Suggestion] | Rejected | None:
    """Find a text for a place. When the user has asked for it, the model is asked in any case and
    shows what it has, sure or not, in up to `num_candidates` ways; None: nobody has asked. Returns
    None if the model cannot answer now; the user has been told why.
    """
    automatic = num_candidates is None
    memory = ls.suggestions.of(uri)
    is_docstring = _opens_docstring_in(ls, uri, context)
    known = memory.known(context, here_only=is_docstring) if automatic else None
    if known is not None:
        return _several([known])
    drafts = memory.drafts(context)
    ls.idle.cancel(uri)
    memory.abandon_ahead(context)
    model = await ls.runtime.model()
    if model is None:
        return None
    if Capability.INFILLING not in model.capabilities:
        _tell_what_is_missing(ls, model)
    ls.suggestions.answers_come_from(model)
    memory, language = ls.suggestions.of(uri), _language(ls, uri)
    if automatic and not may_speak(model, language):
        return Rejected(Rejection.LANGUAGE)
    if is_docstring:
        written = await _docstring(ls, uri, context, model)
        if written is not None or ls.runtime.ready is None:
            return _several([written])
    request = await _request(ls, uri, context, model, drafts)
    if num_candidates is not None:
        answers = await ls.runtime.answers(replace(request, num_candidates=num_candidates))
    else:
        answer = await ls.runtime.answer(request, _settling(context, memory.hear))
        answers = () if answer is None else (answer,)
    if not answers:
        return None
    judged = [_judged(each, context, model, language if automatic else None) for each in answers]
    memory.remember(judged[0])
    return _several([each.at(context) for each in judged])


async def _docstring(
    ls: FimbriaServer, uri: str, context: CursorContext, model: ModelInfo
) -> Suggestion | Rejected | None:
    from lsp_server.docstrings.suggesting import docstring_at

    docstring = await docstring_at(ls, uri, context, model)
    if docstring is None:
        return None
    ls.suggestions.of(uri).remember(docstring)
    return docstring.at(context)


def _several(
    outcomes: Sequence[Suggestion | Rejected | None],
) -> list[Suggestion] | Rejected | None:
    """Those that can be shown, each once; without any, why the first one cannot."""
    shown = dict.fromkeys(each for each in outcomes if isinstance(each, Suggestion))
    return list(shown) or next((each for each in outcomes if isinstance(each, Rejected)), None)


def _opens_docstring_in(ls: FimbriaServer, uri: str, context: CursorContext) -> bool:
    """Whether a docstring is wanted that is made of more than what a model would write."""
    return opens_docstring(context) and _language(ls, uri) == "python"


def opens_docstring(context: CursorContext) -> bool:
    """Whether nothing but opening quotes, perhaps closed by the editor, is on the cursor's line."""
    quotes = context.line_before.strip()
    is_opened = quotes in ('"""', "'''")
    return is_opened and context.rest_of_line.rstrip() in ("", quotes)


def _language(ls: FimbriaServer, uri: str) -> str:
    """The name of the grammar that reads a document; empty if nobody says which."""
    document = ls.documents.snapshot(uri)
    return grammar_name(document.language_id, uri) if document is not None else ""


def _tell_what_is_missing(ls: FimbriaServer, model: ModelInfo) -> None:
    from model_runtime.capabilities import infilling_models

    ls.notify_once(
        f"{model.id} was not trained to fill in: its ghost text continues what is before the "
        "cursor and knows nothing of what comes after it. Models that see both: "
        f"{infilling_models(model.family)} (the setting fimbria.model)."
    )


def guess_ahead(ls: FimbriaServer, uri: str, context: CursorContext, shown: Suggestion) -> None:
    """Have what comes after accepting a suggestion computed while nobody waits."""
    after = accepted(context, shown)
    if not ls.settings.guess_ahead or after.stands_before_word:
        return
    if _opens_docstring_in(ls, uri, after):
        return  # the model would be asked for something else than what is shown there
    if ls.suggestions.of(uri).expect(after):
        ls.idle.start(uri, _guess(ls, uri, after))


def text_changed(ls: FimbriaServer, document: Document, change: Change | None) -> None:
    """Get ready for what may be asked after a change. Nothing is computed while the user follows
    what was suggested, and no model is loaded because of a change.
    """
    memory = ls.suggestions.of(document.uri)
    if ls.runtime.ready is None or change is None:
        ls.idle.cancel(document.uri)
        memory.forget_ahead()
        return
    now = context_at(ls, document.uri, document.text, change.end)
    if change.removed:
        memory.note_deleted(Written(before_typing(now, change.inserted), plain(change.removed)))
    if memory.is_followed(now):
        return
    ls.idle.cancel(document.uri)
    memory.forget_ahead()
    if ls.settings.warm_up:
        ls.idle.start(document.uri, _warm_up(ls, document.uri, now))


async def _warm_up(ls: FimbriaServer, uri: str, context: CursorContext) -> None:
    await asyncio.sleep(QUIET_S)
    model = ls.runtime.ready
    if model is not None and may_speak(model, _language(ls, uri)):
        request = warm_up_request(
            context,
            model,
            document=ls.document_key(uri),
            beside=await beside.surroundings(ls, uri, context, model, is_idle=True),
        )
        await ls.runtime.answer_quietly(request, lambda _: False)


async def _guess(ls: FimbriaServer, uri: str, context: CursorContext) -> None:
    model, memory = ls.runtime.ready, ls.suggestions.of(uri)
    if model is None:
        memory.forget_ahead()
        return
    request = idle(await _request(ls, uri, context, model, memory.drafts(context), is_idle=True))
    is_enough = _settling(context, memory.hear_ahead)
    answer = await ls.runtime.answer_quietly(request, is_enough)
    if answer is None:
        memory.forget_ahead()
        return
    memory.remember_ahead(_judged(answer, context, model, _language(ls, uri)))


async def _request(
    ls: FimbriaServer,
    uri: str,
    context: CursorContext,
    model: ModelInfo,
    drafts: tuple[str, ...],
    *,
    is_idle: bool = False,
) -> CompletionRequest:
    return completion_request(
        context,
        model,
        max_tokens=ls.settings.max_tokens,
        document=ls.document_key(uri),
        drafts=drafts,
        beside=await beside.surroundings(ls, uri, context, model, is_idle=is_idle),
    )


def _settling(context: CursorContext, hear: Callable[[Written], None]) -> Callable[[str], bool]:
    """Tell whether a text is settled, and have what there is of it noted: an aborted request leaves
    a guess for the next one.
    """

    def is_enough(text: str) -> bool:
        hear(Written(context, text))
        return is_settled(text, context)

    return is_enough


def _judged(
    answer: Answer, context: CursorContext, model: ModelInfo, language: str | None
) -> Remembered:
    """language: of the document, where nobody has asked; None for somebody who has."""
    worth = worth_showing(answer.text, context, cut_short=answer.cut_short)
    if language is not None and not isinstance(worth, Rejected):
        sure = shown_unasked(worth, answer.scores, model, language)
        worth = sure or Rejected(Rejection.UNSURE)
    outcome = worth if isinstance(worth, Rejected) else fitted(worth, context)
    written = Written(context, answer.text)
    return Remembered(written, outcome if isinstance(outcome, Rejected) else worth)
