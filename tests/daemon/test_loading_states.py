"""The HTTP interface while the model loads, when it cannot be loaded, and when nobody asks."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from model_runtime.api import (
    CompletionRequest,
    LoadProgress,
    ProgressCallback,
    RuntimeUnavailable,
    UnsupportedModel,
)
from model_runtime.failures import DeviceLost, as_failure
from tests.daemon.fakes import FakeEngine
from tests.daemon.serving import Serving, with_daemon
from tests.daemon.waiting import eventually, happens

BODY = {"prompt": "def f():\n    "}


def test_status_answers_while_the_model_loads_and_completions_wait(runtime_dir: Path) -> None:
    may_load = threading.Event()

    def load(progress: ProgressCallback) -> FakeEngine:
        progress(LoadProgress("reading", 0.5))
        may_load.wait()
        return FakeEngine("x")

    async def use(daemon: Serving) -> None:
        async def reading() -> bool:
            _, status = await daemon.get("/v1/status")
            assert status["state"] == "loading"
            assert status["model"] is None
            return bool(status["progress"] == {"stage": "reading", "fraction": 0.5})

        await eventually(reading)
        completion = asyncio.create_task(daemon.post("/v1/completions", BODY))
        await reading()
        assert not completion.done()
        may_load.set()
        assert (await completion)[0] == 200

    with_daemon(load, use)


def test_a_waiting_completion_that_is_cancelled_leaves_the_loading_alone(runtime_dir: Path) -> None:
    may_load = threading.Event()

    def load(_: ProgressCallback) -> FakeEngine:
        may_load.wait()
        return FakeEngine("x")

    async def use(daemon: Serving) -> None:
        async def busy() -> bool:
            return bool((await daemon.get("/v1/status"))[1]["state"] == "loading")

        request = asyncio.create_task(daemon.post("/v1/completions", BODY))
        await busy()
        request.cancel()
        may_load.set()
        assert (await daemon.post("/v1/completions", BODY))[0] == 200

    with_daemon(load, use)


def test_a_daemon_without_model_says_why_and_ends(runtime_dir: Path) -> None:
    def load(_: ProgressCallback) -> FakeEngine:
        raise UnsupportedModel("Not a Llama.", "Use one.")

    async def use(daemon: Serving) -> None:
        async def failed() -> dict[str, Any] | None:
            _, status = await daemon.get("/v1/status")
            return status if status["state"] == "failed" else None

        status = await eventually(failed)
        assert status["error"]["code"] == "unsupported_model"
        _, answer = await daemon.post("/v1/completions", BODY)
        assert answer["error"]["message"] == "Not a Llama."

    with_daemon(load, use)

    async def wait(daemon: Serving) -> None:
        await daemon.ended

    with_daemon(load, wait, linger_s=0)


@pytest.mark.parametrize(
    ("error", "code"),
    [(MemoryError(), "out_of_memory"), (ValueError("header too large"), "unsupported_model")],
)
def test_an_unexpected_error_of_loading_is_explained(
    runtime_dir: Path, error: Exception, code: str
) -> None:
    def load(_: ProgressCallback) -> FakeEngine:
        raise error

    async def use(daemon: Serving) -> None:
        status, answer = await daemon.post("/v1/completions", BODY)
        assert status >= 500
        assert answer["error"]["code"] == code
        assert answer["error"]["hint"]

    with_daemon(load, use)


def test_a_daemon_whose_device_has_failed_says_so_and_ends(runtime_dir: Path) -> None:
    """CUDA repeats such an error at every call, until the process ends."""

    async def use(daemon: Serving) -> None:
        status, answer = await daemon.post("/v1/completions", BODY)
        assert (status, answer["error"]["code"]) == (503, "runtime_unavailable")
        assert "device-side assert" in answer["error"]["message"]
        await daemon.ended

    with_daemon(FakeEngine(_device_lost()), use)


def test_a_client_looks_for_another_daemon_when_the_device_has_failed(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        with pytest.raises(RuntimeUnavailable, match="No daemon runs"):
            await daemon.runtime.complete(CompletionRequest(prompt=""))
        await daemon.ended

    with_daemon(FakeEngine(_device_lost()), use)


def _device_lost() -> DeviceLost:
    failure = as_failure(RuntimeError("CUDA error: device-side assert triggered\nhint"))
    assert isinstance(failure, DeviceLost)
    return failure


def test_an_idle_daemon_ends_and_a_busy_one_does_not(runtime_dir: Path) -> None:
    engine = FakeEngine("x", endless=True)

    async def use(daemon: Serving) -> None:
        request = asyncio.create_task(daemon.post("/v1/completions", BODY))
        await happens(engine.submitted)
        _, status = await daemon.get("/v1/status")
        assert status["idle_s"] == 0
        request.cancel()
        await daemon.ended

    with_daemon(engine, use, idle_timeout_s=0.5)
