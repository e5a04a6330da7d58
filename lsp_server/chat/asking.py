"""`fimbria/chat`: what a client asks, and what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lsp_server.chat.conversation import Conversation, Question, Reply, is_id
from lsp_server.chat.fields import Fields, wrong
from lsp_server.chat.references import Excerpt, Reference, read_references
from model_runtime.api import Usage

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question. conversation: empty begins a new one. replaces: id of an earlier question,
    which is taken back with all that followed.
    """

    message: str
    conversation: str = ""
    references: tuple[Reference, ...] = ()
    replaces: str = ""
    partial_token: str | int | None = None
    work_token: str | int | None = None


def read_asked(params: object) -> Asked:
    """Raises JsonRpcInvalidParams."""
    fields = Fields(params)
    asked = Asked(
        message=clean(fields.filled("message")),
        conversation=read_conversation_id(fields) if "conversation" in fields else "",
        references=read_references(fields),
        replaces=fields.text("replaces", ""),
        partial_token=fields.token("partialResultToken"),
        work_token=fields.token("workDoneToken"),
    )
    if asked.replaces and not asked.conversation:
        raise wrong("replaces", "left out where a conversation begins")
    return asked


def read_conversation_id(fields: Fields) -> str:
    """The member `conversation`. Raises JsonRpcInvalidParams."""
    conversation = fields.filled("conversation")
    if not is_id(conversation):
        raise wrong("conversation", "the id of a conversation")
    return conversation


def clean(text: str) -> str:
    """Plain line breaks, and no halves of characters, which cannot be sent on."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\r\n", "\n").replace("\r", "\n")


def begin_json(
    conversation: Conversation, question: Question, reply_id: str, excerpts: Sequence[Excerpt]
) -> Json:
    """The first partial result."""
    return {
        "kind": "begin",
        "conversation": conversation.id,
        "title": conversation.title,
        "question": question.id,
        "answer": reply_id,
        "references": [_excerpt_json(each) for each in excerpts],
    }


def text_json(text: str) -> Json:
    """A further partial result."""
    return {"kind": "text", "text": text}


def result_json(
    conversation: Conversation, question: Question, reply: Reply, usage: Usage, *, is_kept: bool
) -> Json:
    """The response."""
    return {
        "conversation": conversation.id,
        "title": conversation.title,
        "isKept": is_kept,
        "question": question.id,
        "answer": reply_json(reply),
        "usage": {
            "promptTokens": usage.prompt_tokens,
            "cachedTokens": usage.cached_tokens,
            "completionTokens": usage.completion_tokens,
        },
    }


def summary_json(conversation: Conversation) -> Json:
    """A line in a list of conversations."""
    return {
        "conversation": conversation.id,
        "title": conversation.title,
        "updated": conversation.updated,
        "numTurns": len(conversation.turns),
    }


def conversation_json(conversation: Conversation) -> Json:
    """A whole conversation."""
    messages: list[Json] = []
    for turn in conversation.turns:
        messages.append(_question_json(turn.question))
        if turn.reply is not None:
            messages.append(reply_json(turn.reply))
    return {**summary_json(conversation), "messages": messages}


def reply_json(reply: Reply) -> Json:
    """What a model said."""
    return {
        "id": reply.id,
        "role": "assistant",
        "content": reply.content,
        "ending": reply.ending.value,
        "model": reply.model,
    }


def _question_json(question: Question) -> Json:
    return {
        "id": question.id,
        "role": "user",
        "content": question.content,
        "references": list(question.references),
        "asked": question.asked,
    }


def _excerpt_json(each: Excerpt) -> Json:
    return {"uri": each.reference.uri, "isSent": bool(each.text), "problem": each.problem}
