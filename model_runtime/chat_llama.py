"""The chat formats of Code Llama Instruct, as in Meta's `llama/generation.py`. Torch-free.

The tags of Llama 2's format are ordinary text to its tokenizer: a user who writes `[/INST]` would
get the very ids that end an instruction. Meta refuses such conversations; here the tag is spelled
character by character, which gives other ids for the same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model_runtime.api import ChatMessage, Role
from model_runtime.chat import Conversation, Turn, fit, read_conversation
from model_runtime.tokenization import Tokenizer

_TAGS = re.compile(r"(\[/?INST\]|<</?SYS>>)")


@dataclass(frozen=True, slots=True)
class Llama2Chat:
    """`<s>[INST] <<SYS>>\\n{system}\\n<</SYS>>\\n\\n{user} [/INST] {answer} </s><s>[INST] …`; 7B to
    34B (Meta's `chat_completion`).
    """

    tokenizer: Tokenizer

    @property
    def end_ids(self) -> frozenset[int]:
        return frozenset({self.tokenizer.eos_id})

    def check(self, messages: Sequence[ChatMessage]) -> None:
        read_conversation(messages)

    def render(self, messages: Sequence[ChatMessage], budget: int) -> list[int]:
        conversation = read_conversation(messages)
        system = len(self._encode([*_system_parts(conversation.system)]))
        return fit(conversation, budget, system, self._turn_len, self._render)

    def _turn_len(self, turn: Turn) -> int:
        return len(self._turn(turn, None))

    def _render(self, conversation: Conversation) -> list[int]:
        first, *others = conversation.turns
        ids = self._turn(first, conversation.system)
        for turn in others:
            ids += self._turn(turn, None)
        return ids

    def _turn(self, turn: Turn, system: str | None) -> list[int]:
        # Meta strips the system message and the user's together.
        user = turn[0].content.rstrip() if system is not None else turn[0].content.strip()
        parts = ["[INST] ", *_system_parts(system), *_split_tags(user), " [/INST]"]
        if len(turn) == 1:
            return [self.tokenizer.bos_id, *self._encode(parts)]
        parts += [" ", *_split_tags(turn[1].content.strip()), " "]
        return [self.tokenizer.bos_id, *self._encode(parts), self.tokenizer.eos_id]

    def _encode(self, parts: Sequence[str | _Tag]) -> list[int]:
        """Ids of the parts as one text, but for the tags."""
        ids: list[int] = []
        for run in _runs(parts):
            if isinstance(run, _Tag):
                ids += run.spelled(self.tokenizer)
            else:
                encode = self.tokenizer.encode_continuation if ids else self.tokenizer.encode
                ids += encode(run)
        return ids


@dataclass(frozen=True, slots=True)
class SourceChat:
    """Code Llama 70B Instruct's: ` Source: user\\n\\n {message}<step>` for each message, at last
    ` Source: assistant\\nDestination: user\\n\\n ` (Meta's `dialog_prompt_tokens`). Each part is
    encoded by itself, with sentencepiece's dummy space. `<step>` is a token, never text.
    """

    tokenizer: Tokenizer
    step_id: int

    @property
    def end_ids(self) -> frozenset[int]:
        return frozenset({self.step_id})

    def check(self, messages: Sequence[ChatMessage]) -> None:
        read_conversation(messages)

    def render(self, messages: Sequence[ChatMessage], budget: int) -> list[int]:
        conversation = read_conversation(messages)
        fixed = len(self._render(Conversation(conversation.system, ())))
        return fit(conversation, budget, fixed, self._turn_len, self._render)

    def _turn_len(self, turn: Turn) -> int:
        return sum(len(self._message(message)) for message in turn)

    def _render(self, conversation: Conversation) -> list[int]:
        system = ChatMessage(Role.SYSTEM, conversation.system or "")
        ids = [self.tokenizer.bos_id, *self._message(system)]
        for turn in conversation.turns:
            for message in turn:
                ids += self._message(message)
        return ids + self._header(Role.ASSISTANT) + self.tokenizer.encode("\n\n ")

    def _header(self, role: Role) -> list[int]:
        # Meta requires a destination of the model's own messages, also of earlier ones.
        destination = "\nDestination: user" if role is Role.ASSISTANT else ""
        return self.tokenizer.encode(f" Source: {role.value}{destination}")

    def _message(self, message: ChatMessage) -> list[int]:
        ids = self._header(message.role)
        if message.content:
            ids += self.tokenizer.encode("\n\n " + message.content.strip())
        return [*ids, self.step_id]


@dataclass(frozen=True, slots=True)
class _Tag:
    """A tag that is plain text."""

    text: str

    def spelled(self, tokenizer: Tokenizer) -> list[int]:
        return [i for character in self.text for i in tokenizer.encode_continuation(character)]


def _system_parts(system: str | None) -> Iterator[str | _Tag]:
    if system is not None:
        yield "<<SYS>>\n"
        yield from _split_tags(system)
        yield "\n<</SYS>>\n\n"


def _split_tags(text: str) -> Iterator[str | _Tag]:
    for number, part in enumerate(_TAGS.split(text)):
        if part:
            yield _Tag(part) if number % 2 else part


def _runs(parts: Sequence[str | _Tag]) -> Iterator[str | _Tag]:
    """Neighbouring texts as one, so that they are encoded as Meta encodes them."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
        yield part
        text = ""
    if text:
        yield text
