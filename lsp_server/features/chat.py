"""`fimbria/chat` and its companions: chat about the code, see docs/chat-protocol.md."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lsp_server.features import chat_apply_block
from lsp_server.features.chat_errors import told
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.chat.asking import Asked, Json
    from lsp_server.language_server import FimbriaServer

Handler = Callable[["FimbriaServer", Any], Coroutine[Any, Any, Any]]

_DEFAULT_LISTED, _MOST_LISTED = 100, 1000


async def ask(ls: FimbriaServer, params: object) -> Json:
    """`fimbria/chat`: answer a question; partial results come as `$/progress`."""
    from lsp_server.chat.asking import read_asked

    asked = read_asked(params)
    return await told(_answered(ls, asked))


async def status(ls: FimbriaServer, _params: object) -> Json:
    """`fimbria/chat/status`: whether chats can be answered; asks no model."""
    return {
        "isAvailable": ls.chat.available,
        "whyNot": ls.chat.why_not,
        "model": ls.chat.model_name,
        "keepsConversations": ls.settings.keep_conversations,
    }


async def newest(ls: FimbriaServer, params: object) -> list[Json]:
    """`fimbria/chat/list`: the conversations, the newest first."""
    from lsp_server.chat.asking import summary_json
    from lsp_server.chat.fields import Fields

    limit = Fields(params or {}).number("limit", 1, _MOST_LISTED, _DEFAULT_LISTED)
    conversations = await told(ls.chats.store.newest(limit))
    return [summary_json(conversation) for conversation in conversations]


async def get(ls: FimbriaServer, params: object) -> Json:
    """`fimbria/chat/get`: a whole conversation."""
    from lsp_server.chat.asking import conversation_json, read_conversation_id
    from lsp_server.chat.fields import Fields

    conversation_id = read_conversation_id(Fields(params))
    return conversation_json(await told(ls.chats.store.get(conversation_id)))


async def rename(ls: FimbriaServer, params: object) -> None:
    """`fimbria/chat/rename`."""
    from lsp_server.chat.asking import clean, read_conversation_id
    from lsp_server.chat.conversation import title_of, title_record
    from lsp_server.chat.fields import Fields

    fields = Fields(params)
    conversation_id = read_conversation_id(fields)
    record = title_record(title_of(clean(fields.filled("title"))))
    await told(ls.chats.store.append(conversation_id, [record]))


async def delete(ls: FimbriaServer, params: object) -> None:
    """`fimbria/chat/delete`; an answer that is being made in it ends."""
    from lsp_server.chat.asking import read_conversation_id
    from lsp_server.chat.fields import Fields

    await told(ls.chats.remove(read_conversation_id(Fields(params))))


HANDLERS: dict[str, Handler] = {
    "fimbria/chat": ask,
    "fimbria/chat/status": status,
    "fimbria/chat/list": newest,
    "fimbria/chat/get": get,
    "fimbria/chat/rename": rename,
    "fimbria/chat/delete": delete,
    chat_apply_block.METHOD: chat_apply_block.handle,
}


async def _answered(ls: FimbriaServer, asked: Asked) -> Json:
    def report(value: Json) -> None:
        if asked.partial_token is not None:
            ls.progress(types.ProgressParams(token=asked.partial_token, value=value))

    if asked.work_token is None:
        return await ls.chats.ask(asked, report)
    from lsp_server.work_progress import work_progress

    answering = asyncio.ensure_future(ls.chats.ask(asked, report))
    async with work_progress(ls, "Answering", answering.cancel, asked.work_token):
        return await answering
