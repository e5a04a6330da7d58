"""The HTTP interface around a scripted engine."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from model_runtime.api import (
    Candidate,
    Chunk,
    CompletionRequest,
    FinishReason,
    OutOfMemory,
    Priority,
)
from model_runtime.client import DaemonSpec
from model_runtime.server import MAX_BODY_BYTES
from tests.daemon.fakes import FakeEngine
from tests.daemon.serving import REQUEST, Serving, with_daemon
from tests.daemon.waiting import happens

BODY = {"prompt": "def f():\n    ", "suffix": "\n"}
CHAT = {"messages": [{"role": "user", "content": "Why?"}]}
USAGE_JSON = {
    "prompt_tokens": 10,
    "completion_tokens": 2,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {
        "accepted_prediction_tokens": 1,
        "rejected_prediction_tokens": 2,
    },
}


def test_a_whole_answer(runtime_dir: Path) -> None:
    engine = FakeEngine("return ", "1")

    async def use(daemon: Serving) -> None:
        status, answer = await daemon.post("/v1/completions", BODY)
        assert status == 200
        assert answer["id"].startswith("cmpl-")
        assert answer["object"] == "text_completion"
        assert answer["model"] == "scripted"
        assert answer["choices"] == [
            {"index": 0, "text": "return 1", "finish_reason": "stop", "logprobs": None}
        ]
        assert answer["usage"] == USAGE_JSON
        assert answer["timings_ms"] == {"queue": 1.0, "prefill": 2.0, "decode": 3.0, "total": 6.0}

    with_daemon(engine, use)
    assert engine.requests == [CompletionRequest(prompt=BODY["prompt"], suffix="\n")]
    assert engine.closed


def test_a_streamed_answer(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        async with (
            daemon.http() as http,
            http.post("/v1/completions", json=BODY | {"stream": True}) as answer,
        ):
            assert answer.content_type == "text/event-stream"
            messages = (await answer.text()).split("\n\n")
        assert messages[-2:] == ["data: [DONE]", ""]
        parts = [json.loads(message.removeprefix("data: ")) for message in messages[:-2]]
        assert [part["choices"][0]["text"] for part in parts] == ["re", "turn\n\n", ""]
        assert [part["choices"][0]["finish_reason"] for part in parts] == [None, None, "stop"]
        assert len({part["id"] for part in parts}) == 1
        assert parts[-1]["usage"] == USAGE_JSON
        assert "usage" not in parts[0]

    with_daemon(FakeEngine("re", "turn\n\n"), use)


def test_several_candidates_share_an_answer(runtime_dir: Path) -> None:
    ends = (Candidate(FinishReason.STOP, -0.5, 1), Candidate(FinishReason.LENGTH, -2.0))
    engine = FakeEngine(
        Chunk("a", logprobs=(-0.5,)), Chunk("b", 1, (-2.0,)), Chunk("c", 0), candidates=ends
    )

    async def use(daemon: Serving) -> None:
        _, answer = await daemon.post("/v1/completions", BODY | {"n": 2})
        first, second = answer["choices"]
        assert (first["index"], first["text"], first["finish_reason"]) == (0, "ac", "stop")
        assert first["logprobs"] == {"token_logprobs": [-0.5]}
        assert first["fimbria"] == {"mean_logprob": -0.5, "first_drop": 1}
        assert (second["index"], second["text"], second["finish_reason"]) == (1, "b", "length")
        completion = await daemon.runtime.complete(REQUEST)
        assert (completion.text, completion.texts) == ("ac", ("ac", "b"))
        assert completion.candidates == ends

    with_daemon(engine, use)
    assert engine.requests[0].num_candidates == 2


def test_a_warm_up_has_counts_and_no_text(runtime_dir: Path) -> None:
    engine = FakeEngine()

    async def use(daemon: Serving) -> None:
        body = BODY | {"max_tokens": 0, "priority": "idle"}
        status, answer = await daemon.post("/v1/completions", body)
        assert status == 200
        assert [choice["text"] for choice in answer["choices"]] == [""]
        assert answer["usage"] == USAGE_JSON

    with_daemon(engine, use)
    assert (engine.requests[0].max_tokens, engine.requests[0].priority) == (0, Priority.IDLE)


def test_models_and_status(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        await daemon.runtime.info()
        _, models = await daemon.get("/v1/models")
        assert models["object"] == "list"
        assert models["data"][0]["id"] == "scripted"
        assert models["data"][0]["fimbria"]["capabilities"] == ["completion", "infilling"]
        _, status = await daemon.get("/v1/status")
        assert status["state"] == "ready"
        assert status["pid"] == daemon.endpoint.pid
        assert status["model"] == models["data"][0]
        assert status["engine"] == {"requests": 0}
        assert status["error"] is None
        assert status["idle_timeout_s"] == 0

    with_daemon(FakeEngine(), use)


@pytest.mark.parametrize(
    ("path", "body", "expected_status", "expected_code", "word"),
    [
        ("/v1/completions", BODY | {"max_tokens": "x"}, 400, "invalid_request", "max_tokens"),
        ("/v1/completions", [], 400, "invalid_request", "JSON object"),
        ("/v1/completions", BODY | {"model": "gpt"}, 404, "model_not_found", "model"),
        ("/v1/chat/completions", {"messages": []}, 400, "invalid_request", "messages"),
        ("/v1/chat/completions", CHAT | {"model": "gpt"}, 404, "model_not_found", "model"),
        ("/v1/nonsense", {}, 404, "invalid_request", "Not Found"),
        ("/v1/status", {}, 405, "invalid_request", "Method Not Allowed"),
    ],
)
def test_errors_are_json(
    runtime_dir: Path,
    path: str,
    body: Any,
    expected_status: int,
    expected_code: str,
    word: str,
) -> None:
    async def use(daemon: Serving) -> None:
        status, answer = await daemon.post(path, body)
        error = answer["error"]
        assert (status, error["code"]) == (expected_status, expected_code)
        assert word in error["message"]
        assert error["type"] == "invalid_request_error"
        assert set(error) == {"message", "type", "code", "hint"}

    with_daemon(FakeEngine(), use)


def test_the_served_model_may_be_named(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        for name in ("scripted", "starter", None):
            status, _ = await daemon.post("/v1/completions", BODY | {"model": name})
            assert status == 200

    with_daemon(FakeEngine(), use)


def test_a_body_over_the_limit_is_refused(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        async def pieces() -> Any:
            for _ in range(17):
                yield b"x" * (MAX_BODY_BYTES // 16)

        async with daemon.http() as http, http.post("/v1/completions", data=pieces()) as answer:
            assert answer.status == 413

    with_daemon(FakeEngine(), use)


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_the_first_event_has_its_own_status(
    runtime_dir: Path, stream: bool
) -> None:
    async def use(daemon: Serving) -> None:
        status, answer = await daemon.post("/v1/completions", BODY | {"stream": stream})
        assert status == 507
        assert answer["error"]["code"] == "out_of_memory"
        assert answer["error"]["hint"] == "Buy more."

    with_daemon(FakeEngine(OutOfMemory("Full.", "Buy more.")), use)


def test_a_crash_shows_no_traceback_and_logs_no_text(
    runtime_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(daemon: Serving) -> None:
        status, answer = await daemon.post("/v1/completions", {"prompt": "my secret"})
        assert status == 500
        assert answer["error"]["code"] == "runtime_failure"
        assert "secret" not in json.dumps(answer)
        assert (await daemon.get("/v1/status"))[0] == 200

    with caplog.at_level(logging.INFO):
        with_daemon(FakeEngine(crash=ValueError("my secret is bad")), use)
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_dropped_connection_aborts(runtime_dir: Path, stream: bool) -> None:
    engine = FakeEngine("return", endless=True)

    async def use(daemon: Serving) -> None:
        request = asyncio.create_task(daemon.post("/v1/completions", BODY | {"stream": stream}))
        await happens(engine.submitted)
        request.cancel()
        await happens(engine.aborted)

    with_daemon(engine, use)


def test_shutdown_aborts_what_runs(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        running = asyncio.create_task(daemon.post("/v1/completions", BODY))
        await happens(engine.submitted)
        assert await daemon.post("/v1/shutdown", {}) == (200, {"stopping": True})
        _, answer = await running
        assert answer["choices"][0]["finish_reason"] == "aborted"
        await daemon.ended

    engine = FakeEngine("x", endless=True)
    with_daemon(engine, use)


def test_tcp_needs_the_token(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        async with daemon.http() as http:
            for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "é"}):
                async with http.get("/v1/status", headers=header) as answer:
                    assert answer.status == 401
                    assert (await answer.json())["error"]["code"] == "unauthorized"
        assert (await daemon.runtime.info()).id == "scripted"

    with_daemon(FakeEngine(), use, spec=DaemonSpec(transport="tcp"))
