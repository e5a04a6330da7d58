"""`fimbria/chat/applyBlock`: a code block of an answer becomes an edit of a document."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException

from lsp_server.editor_requests import apply_edit
from lsp_server.features.chat_errors import failed, told
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.chat.applying import Changes
    from lsp_server.chat.code_blocks import CodeBlock
    from lsp_server.chat.fields import Fields
    from lsp_server.documents import Document
    from lsp_server.language_server import FimbriaServer

METHOD = "fimbria/chat/applyBlock"

_MODES = ("insert", "replace", "diff")
_MANY = 10_000


async def handle(ls: FimbriaServer, params: object) -> dict[str, Any]:
    """Return the edit, for the editor to apply or, with `apply`, applied by it already."""
    from lsp_server.actions.checks import Refused
    from lsp_server.chat.fields import Fields
    from lsp_server.convert import edit_support_from_lsp, workspace_edit_to_lsp

    fields = Fields(params)
    mode = fields.choice("mode", _MODES)
    document = _document(ls, fields.fields("textDocument"))
    place = _place(fields, mode, document, ls)
    apply = fields.flag("apply", default=False)
    block = await _block(ls, fields)
    # Comparing and parsing a large file takes a while.
    changes = await asyncio.to_thread(_changes, block, document, place)
    if isinstance(changes, Refused):
        raise failed(changes.reason)
    if not ls.documents.is_current(document):
        raise _modified()
    support = edit_support_from_lsp(ls.client_capabilities, confirm=mode == "diff")
    label = "Fimbria: code of an answer"
    edit = workspace_edit_to_lsp(document, changes, ls.encoding, support, label)
    if not apply:
        return {"edit": edit}
    if why_not := await apply_edit(ls, edit):
        raise failed(why_not)
    return {"edit": None}


def _document(ls: FimbriaServer, fields: Fields) -> Document:
    document = ls.documents.snapshot(fields.filled("uri"))
    if document is None:
        raise failed("The file is not open in the editor; open it first.")
    if "version" in fields and fields.number("version", -(2**31), 2**31) != document.version:
        raise _modified()
    return document


def _place(
    fields: Fields, mode: str, document: Document, ls: FimbriaServer
) -> tuple[int, int] | int | None:
    """A range, a position, or None: the block tells where it belongs. Offsets."""
    if mode == "insert":
        return document.offset_at(fields.position("position"), ls.encoding)
    if mode == "diff" and "range" not in fields:
        return None
    return document.offsets_at(*fields.range("range"), ls.encoding)


async def _block(ls: FimbriaServer, fields: Fields) -> CodeBlock:
    """The code itself, or where it stands in a conversation."""
    from lsp_server.chat.asking import clean, read_conversation_id
    from lsp_server.chat.code_blocks import CodeBlock, code_blocks
    from lsp_server.chat.fields import wrong

    if "code" in fields:
        code = clean(fields.filled("code"))
        language = fields.text("language", "").lower()
        return CodeBlock(language, code.removesuffix("\n") + "\n", is_closed=True)
    index = fields.number("block", 0, _MANY)
    conversation = await told(ls.chats.store.get(read_conversation_id(fields)))
    reply = conversation.reply(fields.filled("message"))
    if reply is None:
        raise wrong("message", "the id of an answer in this conversation")
    blocks = code_blocks(reply.content)
    if index >= len(blocks):
        raise wrong("block", f"less than {len(blocks)}, the number of code blocks in this answer")
    return blocks[index]


def _changes(block: CodeBlock, document: Document, place: tuple[int, int] | int | None) -> Changes:
    from lsp_server.actions.checks import Refused
    from lsp_server.chat.applying import inserted, merged, replaced
    from lsp_server.chat.diffs import is_diff

    if not block.code.strip():
        return Refused("There is no code in this block.")
    if place is None or (isinstance(place, tuple) and is_diff(block.language, block.code)):
        return merged(block, document)
    if isinstance(place, int):
        return inserted(block.code, document, place)
    return replaced(block.code, document, *place)


def _modified() -> JsonRpcException:
    message = "The file has changed meanwhile; try again."
    return JsonRpcException(message, types.LSPErrorCodes.ContentModified.value)
