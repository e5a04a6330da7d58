"""What a model is sent: system prompt, turns so far, the question with what it refers to."""

from __future__ import annotations

from collections.abc import Sequence

from lsp_server.chat.conversation import Question, Turn
from model_runtime.api import ChatMessage, Role
from model_runtime.windows import first_kept_line

_CHARS_PER_TOKEN = 3
"""Of code, a little less than there are: what is sent must fit."""
_UNKNOWN_CONTEXT = 8192
"""Tokens; the smallest context among models that chat about code today."""


def chat_messages(
    system: str, turns: Sequence[Turn], question: Question, max_chars: int | None = None
) -> tuple[ChatMessage, ...]:
    """A conversation's messages. Questions without an answer are left out: user and assistant must
    take turns. The same turns give the same messages, so that the KV cache holds them.

    max_chars: where given, the oldest turns are left out of what is longer.
    """
    pairs = [
        (said(turn.question), turn.reply.content)
        for turn in turns
        if turn.reply is not None and turn.reply.content.strip()
    ]
    last = said(question)
    if max_chars is not None:
        lens = [*(len(asked) + len(replied) for asked, replied in pairs), len(last)]
        room = max(1, max_chars - len(system))
        # In hops, as everywhere: each one costs the engine what it has cached.
        pairs = pairs[first_kept_line(lens, room, hop=max(1, room // 2)) :]
    messages = [ChatMessage(Role.SYSTEM, system)] if system.strip() else []
    for asked, replied in pairs:
        messages.append(ChatMessage(Role.USER, asked))
        messages.append(ChatMessage(Role.ASSISTANT, replied))
    return (*messages, ChatMessage(Role.USER, last))


def said(question: Question) -> str:
    """What the user said, behind what it refers to."""
    return f"{question.context}\n\n{question.content}" if question.context else question.content


def context_budget(context_length: int | None) -> int:
    """Characters of files that one question may bring along: half of the context."""
    return (context_length or _UNKNOWN_CONTEXT) * _CHARS_PER_TOKEN // 2


def conversation_budget(context_length: int | None, max_tokens: int) -> int:
    """Characters of a conversation that leave room for its answer."""
    return ((context_length or _UNKNOWN_CONTEXT) - max_tokens) * _CHARS_PER_TOKEN


def answer_budget(max_tokens: int, context_length: int | None) -> int:
    """Tokens for an answer, which leave half of the context to the conversation."""
    return max(1, min(max_tokens, (context_length or _UNKNOWN_CONTEXT) // 2))
