"""Checks the JSON body of POST /v1/chat/completions: every mistake is an InvalidRequest that names
the field.

Format: https://platform.openai.com/docs/api-reference/chat. Extensions: `document`, `priority`,
`drafts` and `speculate`, `max_tokens` 0, and `chat_model`, which of the client's settings says
what answers where the daemon's own model does not chat.
"""

from __future__ import annotations

from collections.abc import Mapping

from model_runtime.api import ChatMessage, ChatRequest, InvalidRequest, Priority, Role
from model_runtime.fields import (
    MAX_CANDIDATES,
    Fields,
    checked_text,
    refuse_misspelt,
    refuse_unsupported,
    wrong_type,
)
from model_runtime.request_body import Body

MAX_MESSAGES = 4096
_MAX_PARTS = 256

_UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "web_search_options": (),
}
_UNSUPPORTED_IN_MESSAGE: Mapping[str, tuple[object, ...]] = {
    "tool_calls": ([],),
    "function_call": (),
    "audio": (),
}

_FIELDS = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "temperature",
        "top_p",
        "seed",
        "stream",
        "stream_options",
        "document",
        "priority",
        "n",
        "drafts",
        "speculate",
        "chat_model",
    ]
)
_ROLES = {role.value: role for role in Role} | {"developer": Role.SYSTEM}
"""`developer` is what newer models of OpenAI call the system."""


def parse_chat(body: Mapping[str, object]) -> Body:
    """Read a body of POST /v1/chat/completions. Raises InvalidRequest."""
    fields = Fields(body)
    refuse_unsupported(body, _UNSUPPORTED)
    refuse_misspelt(body, _FIELDS, _UNSUPPORTED)
    model = fields.text("model")
    request = ChatRequest(
        messages=_messages(fields),
        max_tokens=_max_tokens(fields),
        stop=fields.stop_strings("stop"),
        sampling=fields.sampling(),
        document=fields.text("document"),
        priority=fields.choice("priority", Priority.CHAT),
        num_candidates=fields.integer("n", 1, low=1, high=MAX_CANDIDATES),
        drafts=fields.drafts("drafts"),
        speculate=fields.flag("speculate", True),
        model=model or "",
    )
    return Body(
        request,
        fields.flag("stream", False),
        model or None,
        fields.wants_usage(),
        fields.text("chat_model") or "",
    )


def _max_tokens(fields: Fields) -> int:
    default = ChatRequest(messages=()).max_tokens
    older = fields.integer("max_tokens", -1, low=0)
    newer = fields.integer("max_completion_tokens", -1, low=0)
    if older >= 0 and newer >= 0 and older != newer:
        raise InvalidRequest("`max_tokens` and `max_completion_tokens` differ: give one of them.")
    given = max(older, newer)
    return default if given < 0 else given


def _messages(fields: Fields) -> tuple[ChatMessage, ...]:
    named = fields.objects("messages", MAX_MESSAGES)
    if not named:
        raise InvalidRequest("`messages` is required: at least one message of the user's.")
    return tuple(_message(name, item) for name, item in named)


def _message(name: str, item: Mapping[str, object]) -> ChatMessage:
    refuse_unsupported(item, _UNSUPPORTED_IN_MESSAGE, f"{name}.")
    role = Fields(item, f"{name}.").required_text("role")
    if role not in _ROLES:
        raise InvalidRequest(f"`{name}.role` must be one of {', '.join(Role)}, not {role!r}.")
    return ChatMessage(_ROLES[role], _content(f"{name}.content", item))


def _content(name: str, item: Mapping[str, object]) -> str:
    content = item.get("content")
    if content is None:
        raise InvalidRequest(f"`{name}` is required.")
    if not isinstance(content, list):
        if not isinstance(content, str):
            raise wrong_type(name, "a string or a list of text parts", content)
        return checked_text(name, content)
    parts = Fields(item, name.removesuffix("content")).objects("content", _MAX_PARTS)
    return "".join(_part(part_name, part) for part_name, part in parts)


def _part(name: str, part: Mapping[str, object]) -> str:
    fields = Fields(part, f"{name}.")
    kind = fields.required_text("type")
    if kind != "text":
        raise InvalidRequest(f"`{name}.type` must be text, not {kind!r}: models here only read.")
    return fields.required_text("text")
