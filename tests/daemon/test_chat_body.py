"""What a conversation's JSON body may say, and which field an error names."""

from __future__ import annotations

from typing import Any

import pytest

from model_runtime.api import ChatMessage, ChatRequest, InvalidRequest, Role
from model_runtime.chat_body import parse_chat
from model_runtime.fields import MAX_CANDIDATES

MESSAGES = [{"role": "user", "content": "Why?"}]
QUESTION = ChatMessage(Role.USER, "Why?")


def parse(**fields: Any) -> ChatRequest:
    request = parse_chat({"messages": MESSAGES, **fields}).request
    assert isinstance(request, ChatRequest)
    return request


def said(content: object, **members: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content, **members}]


def test_defaults_are_those_of_the_request() -> None:
    assert parse(model=None, stop=None, n=1, tools=[], max_tokens=None) == ChatRequest(
        messages=(QUESTION,)
    )


def test_newer_names_mean_the_same() -> None:
    assert parse(max_completion_tokens=7).max_tokens == 7
    assert parse(max_completion_tokens=0).max_tokens == 0
    assert parse(max_tokens=7, max_completion_tokens=7).max_tokens == 7
    system = {"role": "developer", "content": "Be brief."}
    assert parse(messages=[system, *MESSAGES]).messages[0] == ChatMessage(Role.SYSTEM, "Be brief.")


def test_content_may_be_text_in_parts() -> None:
    parts = [{"type": "text", "text": "Wh"}, {"type": "text", "text": "y?"}]
    assert parse(messages=said(parts)).messages == (QUESTION,)


def test_what_changes_nothing_is_taken() -> None:
    body = {
        "response_format": {"type": "text"},
        "tool_choice": "none",
        "logprobs": False,
        "modalities": ["text"],
        "user": "me",
        "metadata": {},
        "stream_options": {"include_usage": True},
    }
    assert parse_chat({"messages": said("Why?", name="me"), **body}).separate_usage


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", None),
        ("messages", []),
        ("messages", "Why?"),
        ("tools", [{"type": "function"}]),
        ("tool_choice", "required"),
        ("functions", [{}]),
        ("response_format", {"type": "json_object"}),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy"}),
        ("logprobs", True),
        ("top_logprobs", 3),
        ("frequency_penalty", 1),
        ("max_tokens", -1),
        ("max_completion_tokens", 1.5),
        ("stop", [""]),
        ("temperature", "hot"),
        ("seed", 0.5),
        ("n", MAX_CANDIDATES + 1),
        ("stream", 1),
        ("stream_options", True),
        ("priority", "urgent"),
        ("drafts", [1]),
        ("model", 3),
    ],
)
def test_an_error_names_the_field(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=f"^`{field}`"):
        parse_chat({"messages": MESSAGES, field: value})


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ("Why?", ""),
        ({"content": "Why?"}, ".role"),
        ({"role": "tool", "content": "1"}, ".role"),
        ({"role": "user"}, ".content"),
        ({"role": "user", "content": 1}, ".content"),
        ({"role": "user", "content": "\ud800"}, ".content"),
        ({"role": "user", "content": ["Why?"]}, ".content[0]"),
        ({"role": "user", "content": [{"type": "image_url"}]}, ".content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, ".content[0].text"),
        ({"role": "assistant", "content": "", "tool_calls": [{}]}, ".tool_calls"),
    ],
)
def test_an_error_names_the_place_within_the_messages(message: object, where: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        parse_chat({"messages": [*MESSAGES, message]})
    assert failure.value.message.startswith(f"`messages[1]{where}`")


def test_an_option_of_the_streams_is_checked_too() -> None:
    with pytest.raises(InvalidRequest, match=r"^`stream_options\.include_usage`"):
        parse(stream_options={"include_usage": "yes"})


def test_two_limits_must_agree() -> None:
    with pytest.raises(InvalidRequest, match="`max_tokens` and `max_completion_tokens` differ"):
        parse(max_tokens=1, max_completion_tokens=2)


def test_a_misspelt_field_is_not_ignored() -> None:
    with pytest.raises(InvalidRequest, match="Did you mean `messages`"):
        parse_chat({"message": MESSAGES})
