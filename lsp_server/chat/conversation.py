"""Conversations, and the records that they are kept as.

A conversation is a list of records, to which is only ever added: each says one thing that happened.
Several editor windows can go on with one conversation, so a reply names its question, and questions
stand in the order in which they were recorded. Records of a kind that is not known here are left
out: a later version may have written them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

Record = Mapping[str, Any]
"""What JSON can hold; `kind` says what happened."""

_LONGEST_TITLE = 60
_ID = re.compile(r"[0-9a-f]{16}")


class Ending(StrEnum):
    """How a reply ended."""

    STOP = "stop"
    LENGTH = "length"
    """It would have gone on."""
    ABORTED = "aborted"
    """The user stopped it, or asked something else meanwhile."""
    FAILED = "failed"
    """The engine broke off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the user said. context: the text of what it refers to, as the model sees it.
    references: what it refers to, as the client has named it. asked: seconds since 1970.
    """

    id: str
    content: str
    context: str = ""
    references: tuple[Any, ...] = ()
    asked: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model said."""

    id: str
    content: str
    ending: Ending
    model: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and, unless nothing came of it, its reply."""

    question: Question
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is known of one conversation; `updated` in seconds since 1970."""

    id: str
    title: str = ""
    turns: tuple[Turn, ...] = ()
    updated: float = 0.0

    def since(self, records: Iterable[Record]) -> Conversation:
        """Add what has happened. Records that make no sense are left out."""
        conversation = self
        for record in records:
            try:
                conversation = _with(conversation, record)
            except (KeyError, TypeError, ValueError):
                continue
        return conversation

    def reply(self, reply_id: str) -> Reply | None:
        """The reply with this id."""
        replies = (turn.reply for turn in self.turns if turn.reply is not None)
        return next((reply for reply in replies if reply.id == reply_id), None)

    def has_question(self, question_id: str) -> bool:
        return any(turn.question.id == question_id for turn in self.turns)


def new_id() -> str:
    """A name that nothing else has."""
    return os.urandom(8).hex()


def is_id(text: str) -> bool:
    """Whether `new_id` could have made it; anything else must not become part of a file's name."""
    return _ID.fullmatch(text) is not None


def question_record(question: Question) -> Record:
    """What the user said."""
    return {
        "kind": "question",
        "id": question.id,
        "time": question.asked,
        "content": question.content,
        "context": question.context,
        "references": list(question.references),
    }


def reply_record(question_id: str, reply: Reply, time: float) -> Record:
    """What a model said to it."""
    return {
        "kind": "reply",
        "to": question_id,
        "id": reply.id,
        "time": time,
        "content": reply.content,
        "ending": reply.ending.value,
        "model": reply.model,
    }


def title_record(title: str) -> Record:
    """The user has given the conversation another name."""
    return {"kind": "title", "title": title}


def cut_record(question_id: str) -> Record:
    """The question and all that came after it were taken back."""
    return {"kind": "cut", "from": question_id}


def title_of(text: str) -> str:
    """A title from the first thing that was said."""
    line = " ".join(text.split())
    if len(line) <= _LONGEST_TITLE:
        return line
    return line[: _LONGEST_TITLE - 1].rsplit(" ", 1)[0] + "…"


def _with(conversation: Conversation, record: Record) -> Conversation:
    match record["kind"]:
        case "question":
            question = _question(record)
            title = conversation.title or title_of(question.content)
            turns = (*conversation.turns, Turn(question))
            return replace(conversation, title=title, turns=turns, updated=question.asked)
        case "reply":
            return _with_reply(conversation, str(record["to"]), record)
        case "title":
            return replace(conversation, title=str(record["title"]))
        case "cut":
            return _cut(conversation, record["from"])
    return conversation


def _question(record: Record) -> Question:
    return Question(
        id=str(record["id"]),
        content=str(record["content"]),
        context=str(record.get("context", "")),
        references=tuple(record.get("references", ())),
        asked=float(record["time"]),
    )


def _with_reply(conversation: Conversation, question_id: str, record: Record) -> Conversation:
    reply = Reply(
        id=str(record["id"]),
        content=str(record["content"]),
        ending=Ending(record["ending"]),
        model=str(record.get("model", "")),
    )
    turns = tuple(
        replace(turn, reply=reply) if turn.question.id == question_id else turn
        for turn in conversation.turns
    )
    updated = max(conversation.updated, float(record["time"]))
    return replace(conversation, turns=turns, updated=updated)


def _cut(conversation: Conversation, question_id: object) -> Conversation:
    ids = [turn.question.id for turn in conversation.turns]
    if question_id not in ids:
        return conversation
    return replace(conversation, turns=conversation.turns[: ids.index(str(question_id))])
