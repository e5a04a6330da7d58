"""Conversations: what they must look like, and what is left of one that is too long. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from model_runtime.api import ChatMessage, InvalidRequest, Role
from model_runtime.families import ChatFormat, Family
from model_runtime.tokenization import Tokenizer
from model_runtime.windows import first_kept_line

if TYPE_CHECKING:
    from model_runtime.tokenizer_files import TokenizerNotes

_META_FORMAT = re.compile(r"\[INST\]|<step>")

Turn = tuple[ChatMessage, ...]
"""A message of the user's and what was answered; the last turn waits for its answer."""


class ChatRenderer(Protocol):
    """One model's chat format."""

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end an answer, besides the model's own."""

    def check(self, messages: Sequence[ChatMessage]) -> None:
        """Raise InvalidRequest for a conversation that could never be rendered."""

    def render(self, messages: Sequence[ChatMessage], budget: int) -> list[int]:
        """At most `budget` ids of a checked conversation; the oldest turns are left out where all
        of it does not fit. Raises InvalidRequest where its last turn alone does not.
        """


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation by turns."""

    system: str | None
    turns: tuple[Turn, ...]

    def since(self, first: int) -> Conversation:
        """Without the turns before `first`."""
        return Conversation(self.system, self.turns[first:])

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        system = () if self.system is None else (ChatMessage(Role.SYSTEM, self.system),)
        return (*system, *(message for turn in self.turns for message in turn))


def read_conversation(messages: Sequence[ChatMessage]) -> Conversation:
    """Split a conversation into its turns. Raises InvalidRequest if it is none."""
    if not messages:
        raise InvalidRequest("The conversation is empty.", "Send at least one user message.")
    system = messages[0].content if messages[0].role is Role.SYSTEM else None
    rest = messages if system is None else messages[1:]
    for number, message in enumerate(rest):
        expected = (Role.USER, Role.ASSISTANT)[number % 2]
        if message.role is not expected:
            raise InvalidRequest(
                f"Message {number + len(messages) - len(rest) + 1} is the {message.role.value}'s, "
                f"but it is the {expected.value}'s turn.",
                "Send an optional system message, then user and assistant in turn.",
            )
    if len(rest) % 2 == 0:
        raise InvalidRequest(
            "The last message is not the user's.", "End the conversation with a user message."
        )
    return Conversation(
        system, tuple(tuple(rest[start : start + 2]) for start in range(0, len(rest), 2))
    )


def first_kept_turn(turn_lens: Sequence[int], budget: int) -> int:
    """Index of the first turn that is kept; the last one always is.

    Like the windows of a document, the edge moves in hops: if each new turn pushed out an old one,
    every answer would begin with computing the whole conversation anew. A hop is half the budget.
    """
    kept = first_kept_line(turn_lens, budget, hop=max(1, budget // 2))
    return min(kept, len(turn_lens) - 1)


def fit(
    conversation: Conversation,
    budget: int,
    fixed_len: int,
    turn_len: Callable[[Turn], int],
    render: Callable[[Conversation], list[int]],
) -> list[int]:
    """Render as many of the newest turns as fit. fixed_len, turn_len: about how many ids the system
    message and each turn take. Raises InvalidRequest.
    """
    lens = [turn_len(turn) for turn in conversation.turns]
    first = first_kept_turn(lens, max(1, budget - fixed_len))
    for start in range(first, len(conversation.turns)):
        ids = render(conversation.since(start))
        if len(ids) <= budget:
            return ids
    raise InvalidRequest(
        f"The last message takes {len(ids)} tokens with all that belongs to it; there is room for "
        f"{budget}.",
        "Send less, or ask for a shorter answer.",
    )


def open_chat(family: Family, tokenizer: Tokenizer, notes: TokenizerNotes) -> ChatRenderer | None:
    """The chat format of a checkpoint; None if it comes without one."""
    from model_runtime.chat_llama import Llama2Chat, SourceChat
    from model_runtime.chat_template import TemplateChat

    template = notes.chat_template
    # Others have tuned Code Llama, too, and to formats of their own.
    if family.chat is ChatFormat.LLAMA2 and (template is None or _META_FORMAT.search(template)):
        step = tokenizer.id_of("<step>")
        return Llama2Chat(tokenizer) if step is None else SourceChat(tokenizer, step)
    if template is None:
        return None
    return TemplateChat(tokenizer, template, notes.bos or "", notes.eos or "")
