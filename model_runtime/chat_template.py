"""A checkpoint's own chat template (Jinja), rendered as transformers' `apply_chat_template` does it
but for the user's text. Torch-free.

transformers renders one string and tokenizes it, so that `<|im_end|>` in a message ends it. Here
such names are shielded before they reach the template: it sees the messages, can strip and
compare them, but whatever it makes of them is plain text when the result is tokenized.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from model_runtime.api import ChatMessage, InvalidRequest, Role, UnsupportedModel
from model_runtime.chat import Conversation, Turn, fit, read_conversation
from model_runtime.control_text import encode_with_controls, find_shield_mark, shield
from model_runtime.tokenization import Tokenizer

if TYPE_CHECKING:
    from jinja2 import Template


class TemplateChat:
    """The conversation as the checkpoint's template writes it, asking for the next answer."""

    def __init__(self, tokenizer: Tokenizer, template: str, bos: str, eos: str) -> None:
        """bos, eos: the tokens that templates call `bos_token` and `eos_token`."""
        self._tokenizer = tokenizer
        self._source = template
        self._bos = bos
        self._eos = eos

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens that templates end an answer with, whatever the config says."""
        ends = (self._eos, "<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|EOT|>", "<|user|>")
        pieces = self._tokenizer.control_pieces
        return frozenset(pieces[end] for end in ends if end in pieces)

    def check(self, messages: Sequence[ChatMessage]) -> None:
        read_conversation(messages)

    def render(self, messages: Sequence[ChatMessage], budget: int) -> list[int]:
        conversation = read_conversation(messages)
        last = len(conversation.turns) - 1
        shortest = len(self._render(conversation.since(last)))
        around = 0  # what the template puts around a turn, told by the last but one
        if last:
            both = len(self._render(conversation.since(last - 1)))
            around = both - shortest - self._text_len(conversation.turns[last - 1])
        fixed = shortest - self._text_len(conversation.turns[last]) - around
        return fit(
            conversation,
            budget,
            fixed,
            lambda turn: self._text_len(turn) + around,
            self._render,
        )

    def _text_len(self, turn: Turn) -> int:
        encode = self._tokenizer.encode_continuation
        return sum(len(encode(message.content)) for message in turn)

    def _render(self, conversation: Conversation) -> list[int]:
        mark = find_shield_mark(message.content for message in conversation.messages)
        pieces = self._tokenizer.control_pieces
        shielded = [
            {"role": m.role.value, "content": shield(m.content, pieces, mark)}
            for m in conversation.messages
        ]
        return encode_with_controls(self._tokenizer, self._write(shielded), mark)

    def _write(self, messages: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        try:
            return self._fill(messages)
        except TemplateError as error:
            folded = _without_system(messages)
            if folded is None:
                raise _refusal(error) from error
        try:
            return self._fill(folded)
        except TemplateError as error:
            raise _refusal(error) from error

    def _fill(self, messages: list[dict[str, str]]) -> str:
        return self._template.render(
            messages=messages,
            add_generation_prompt=True,
            bos_token=self._bos,
            eos_token=self._eos,
            tools=None,
            documents=None,
        )

    @cached_property
    def _template(self) -> Template:
        from jinja2 import TemplateError

        try:
            return _compile(self._source)
        except TemplateError as error:
            raise UnsupportedModel(
                f"The model's chat template is none: {error}.", "Download the checkpoint again."
            ) from error


def _compile(source: str) -> Template:
    """As transformers compiles them: in a sandbox, for the template is the checkpoint's code."""
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _now
    return environment.from_string(source)


def _to_json(value: Any, indent: int | None = None) -> str:
    """Jinja's own escapes HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(message: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]] | None:
    """The system message at the head of the first user message, for templates that know no system
    messages (Gemma's); None if there is none.
    """
    if messages[0]["role"] != Role.SYSTEM.value:
        return None
    system, user, *others = messages
    content = f"{system['content']}\n\n{user['content']}"
    return [{"role": user["role"], "content": content}, *others]


def _refusal(error: Exception) -> InvalidRequest:
    return InvalidRequest(f"The model's chat template refuses this conversation: {error}.")
