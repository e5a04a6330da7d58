"""`textDocument/completion`: the same suggestions, for editors that know no inline completion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsp_server.convert import position_from_lsp, position_to_lsp
from lsp_server.features import inline_completion
from lsp_server.lean_types import types
from lsp_server.markdown import fenced

if TYPE_CHECKING:
    from lsp_server.documents import Document
    from lsp_server.language_server import FimbriaServer

METHOD = types.TEXT_DOCUMENT_COMPLETION
TRIGGER_CHARACTERS = tuple(".([{,=:>\"'@")
_MAX_LABEL = 60
_LONGEST_WORD = 200
_WORD = re.compile(r"\w*\Z")


def register(ls: FimbriaServer) -> None:
    """Offer the method to the client that is being initialized."""
    options = types.CompletionOptions(trigger_characters=list(TRIGGER_CHARACTERS))
    ls.feature(METHOD, options)(handle)


def is_wanted(ls: FimbriaServer, capabilities: types.ClientCapabilities) -> bool:
    """Whether an editor's completion menu is where suggestions belong: not where there is ghost
    text, unless the user says so.
    """
    if ls.settings.completion_menu != "auto":
        return ls.settings.completion_menu == "on"
    text_document = capabilities.text_document
    return text_document is None or text_document.inline_completion is None


def is_asked_for(client: types.ClientInfo | None) -> bool:
    """Whether an editor asks for a menu only when its user does. Others call it invoked also when
    they ask by themselves while somebody types a word.
    """
    return client is not None and client.name == "Eglot"


async def handle(ls: FimbriaServer, params: types.CompletionParams) -> types.CompletionList:
    """Offer what ghost text would show as the only item; a menu asks anew after each key."""
    document = ls.documents.snapshot(params.text_document.uri)
    kinds = types.InlineCompletionTriggerKind
    kind = kinds.Invoked if ls.menu_is_asked_for else kinds.Automatic
    context = types.InlineCompletionContext(kind)
    asked = types.InlineCompletionParams(context, params.text_document, params.position)
    found = await inline_completion.answered(ls, asked, num_candidates=1)
    if document is None or found is None:
        return types.CompletionList(is_incomplete=True, items=[])
    items = [_entry(ls, document, params.position, item) for item in found.items]
    return types.CompletionList(is_incomplete=True, items=items)


def _entry(
    ls: FimbriaServer,
    document: Document,
    position: types.Position,
    item: types.InlineCompletionItem,
) -> types.CompletionItem:
    """Menus keep what begins with the word before the cursor: so it becomes part of the entry."""
    cursor = document.offset_at(position_from_lsp(position), ls.encoding)
    word = _word_before(document, cursor)
    start = position_to_lsp(document.position_at(cursor - len(word), ls.encoding))
    assert isinstance(item.insert_text, str)
    assert item.range is not None
    text = word + item.insert_text
    return types.CompletionItem(
        label=_label(text),
        kind=types.CompletionItemKind.Snippet,
        detail="Fimbria",
        documentation=types.MarkupContent(
            types.MarkupKind.Markdown, fenced(text, document.language_id)
        ),
        filter_text=text,
        insert_text_mode=types.InsertTextMode.AsIs,
        text_edit=types.TextEdit(types.Range(start, item.range.end), text),
        command=item.command,
    )


def _word_before(document: Document, cursor: int) -> str:
    start = document.text.line_start(document.text.line_at(cursor))
    found = _WORD.search(document.text.slice(max(start, cursor - _LONGEST_WORD), cursor))
    return found.group() if found else ""


def _label(text: str) -> str:
    first, *more = text.strip().splitlines()
    return first[:_MAX_LABEL] + ("…" if more or len(first) > _MAX_LABEL else "")
