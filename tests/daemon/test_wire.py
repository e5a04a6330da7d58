"""Values survive the way from daemon to client."""

from __future__ import annotations

import json

import pytest

from model_runtime import wire
from model_runtime.api import (
    Chunk,
    Finished,
    FinishReason,
    InvalidRequest,
    MissingCapability,
    ModelNotFound,
    OutOfMemory,
    RuntimeFailure,
    RuntimeUnavailable,
    UnsupportedModel,
)
from tests.daemon.fakes import INFO, TIMINGS, USAGE


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


def test_a_model_keeps_its_description() -> None:
    assert wire.model_from_json(json.loads(wire.encode(wire.model_to_json(INFO, 0)))) == INFO


@pytest.mark.parametrize("text", ["a\nb\r\n", "\u2028\x0c\x85", "😀"])
def test_an_event_is_one_line_whatever_its_text(text: str) -> None:
    line, end = wire.sse(wire.Reply("m").chunk(Chunk(text))).split(b"\n", 1)
    assert end == b"\n"
    assert wire.events_from_json(json.loads(line.removeprefix(b"data: "))) == [Chunk(text)]


def test_the_last_event_keeps_usage_and_timings() -> None:
    finished = Finished(FinishReason.LENGTH, USAGE, TIMINGS)
    assert wire.events_from_json(wire.Reply("m").chunk(finished)) == [finished]
