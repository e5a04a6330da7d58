"""Values survive the way between client and daemon."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from model_runtime import wire
from model_runtime.api import (
    ChatRequest,
    CompletionRequest,
    InvalidRequest,
    LoadProgress,
    MissingCapability,
    ModelInfo,
    ModelNotFound,
    OtherFiles,
    OutOfMemory,
    RuntimeFailure,
    RuntimeUnavailable,
    UnsupportedModel,
)
from model_runtime.chat_body import parse_chat
from model_runtime.fields import parse_json
from model_runtime.request_body import parse_completion
from tests.daemon import strategies
from tests.daemon.chatting import CHAT
from tests.daemon.fakes import INFO


@pytest.mark.parametrize(
    "kind",
    [
        RuntimeFailure,
        InvalidRequest,
        MissingCapability,
        ModelNotFound,
        UnsupportedModel,
        OutOfMemory,
        RuntimeUnavailable,
    ],
)
def test_a_failure_keeps_its_class(kind: type[RuntimeFailure]) -> None:
    error = json.loads(wire.encode(wire.failure_to_json(kind("What.", "What next."))))
    failure = wire.failure_from_json(error)
    assert type(failure) is kind
    assert (failure.message, failure.hint) == ("What.", "What next.")


def test_an_unknown_code_is_still_a_failure() -> None:
    failure = wire.failure_from_json({"message": "No.", "code": "teapot"})
    assert type(failure) is RuntimeFailure


@given(strategies.completion_requests)
def test_a_request_arrives_as_it_was_sent(request: CompletionRequest) -> None:
    sent = wire.encode(wire.request_to_json(request, stream=True))
    body = parse_completion(parse_json(sent))
    assert body.request == request
    assert body.stream
    assert body.model is None


@given(strategies.chat_requests)
def test_a_conversation_arrives_as_it_was_sent(request: ChatRequest) -> None:
    sent = wire.encode(wire.request_to_json(request, stream=True))
    body = parse_chat(parse_json(sent))
    assert body.request == request
    assert body.stream
    assert body.model == (request.model or None)


def test_the_settings_chat_model_travels_with_chats_only() -> None:
    for request, arrives in ((CHAT, "talker"), (CompletionRequest(prompt=""), None)):
        body = wire.request_to_json(request, stream=False, chat_model="talker")
        assert body.get("chat_model") == arrives
    body = wire.request_to_json(CHAT, stream=False, chat_model="talker")
    assert parse_chat(body).chat_model == "talker"


def test_the_chat_models_loading_is_part_of_the_state() -> None:
    status = {
        "error": None,
        "model": None,
        "progress": {"stage": "ready", "fraction": 1.0},
        "version": "1",
        "idle_s": 0.0,
    }
    assert wire.state_from_json(status).chat_loading is None  # an older daemon's
    for state, loading in (("loading", LoadProgress("reading", 0.5)), ("ready", None)):
        chat = {"state": state, "progress": {"stage": "reading", "fraction": 0.5}}
        assert wire.state_from_json(status | {"chat": chat}).chat_loading == loading
    assert wire.state_from_json(status | {"chat": None}).chat_loading is None


def test_an_older_daemon_sees_no_field_that_says_nothing() -> None:
    """It takes what it does not know for a misspelling of what it knows."""
    plain = wire.request_to_json(CompletionRequest(prompt="x"), stream=False)
    assert not {"snippets", "path", "repository", "document", "model"} & plain.keys()


@pytest.mark.parametrize(
    "model", [INFO, replace(INFO, min_mean_logprob=-0.5, other_files=OtherFiles.SHOWN)]
)
def test_a_model_keeps_its_description(model: ModelInfo) -> None:
    assert wire.model_from_json(json.loads(wire.encode(wire.model_to_json(model, 0)))) == model


def test_an_older_daemons_model_can_be_read() -> None:
    listed = wire.model_to_json(INFO, 0)
    nothing: dict[str, Any] = {
        "min_mean_logprob": None,
        "min_token_logprob": None,
        "languages": (),
        "min_token_logprob_elsewhere": None,
        "kernels": "",
        "family": "",
        "other_files": OtherFiles.IGNORED,
    }
    for newer in nothing:
        del listed["fimbria"][newer]
    assert wire.model_from_json(listed) == replace(INFO, **nothing)
