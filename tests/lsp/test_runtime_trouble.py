from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lsp_server.settings import Settings
from model_runtime.api import (
    Capability,
    LoadProgress,
    MissingCapability,
    ModelNotFound,
    OutOfMemory,
    RuntimeFailure,
    RuntimeUnavailable,
)
from tests.fakes import MODEL, FakeRuntime
from tests.lsp.client import LspClient, cancelling
from tests.lsp.sessions import ONLY_WHEN_ASKED, session

PROGRESS = {"window": {"workDoneProgress": True}}
FAILURES = [
    ModelNotFound("There is no model in ~/nowhere.", "Set fimbria.model."),
    OutOfMemory("The GPU is full.", "Choose a smaller model."),
    RuntimeUnavailable("The daemon has ended.", "Its log is daemon.log."),
    MissingCapability("This model cannot infill.", "Choose another."),
]


async def told(client: LspClient) -> str:
    """Take the message to the user, and the line in the editor's output that goes with it."""
    shown = (await client.take("window/showMessage"))["params"]
    logged = (await client.take("window/logMessage"))["params"]
    assert shown["type"] == logged["type"] == 1
    assert shown["message"] == f"Fimbria: {logged['message']}"
    return str(logged["message"])


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.code)
def test_one_message_says_what_to_do_and_ghost_text_pauses(failure: RuntimeFailure) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        for _ in range(3):
            assert await client.result(client.complete(0, 1)) == {"items": []}
        assert await told(client) == f"{failure.message} {failure.hint}"

    session(scenario, failure)


def test_it_works_again_when_the_runtime_does_and_complains_anew_afterwards() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a\na\n")
        for line in range(2):
            runtime.outcome = FAILURES[2]
            assert await client.result(client.complete(line, 1)) == {"items": []}
            assert "daemon.log" in await told(client)
            runtime.outcome = "b"
            assert len((await client.result(client.complete(line, 1)))["items"]) == 1

    session(scenario)


def test_a_crash_during_generation() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        (await runtime.next_call()).fail(FAILURES[2])
        assert await client.result(request) == {"items": []}
        assert "The daemon has ended." in await told(client)

    session(scenario)


def test_a_bug_is_an_error_answer_without_a_traceback() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("secret")
        error = (await client.answer(client.complete(0, 6)))["error"]
        assert error["code"] == -32603
        assert "data" not in error
        assert "boom" not in str(client.transcript)
        await client.take("window/logMessage")
        runtime.outcome = "b"
        assert len((await client.result(client.complete(0, 6)))["items"]) == 1

    session(scenario, ValueError("boom"))


def test_the_model_is_loaded_when_the_editor_starts() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await runtime.made.wait()

    session(scenario, settings=Settings())
    assert session(_nothing, settings=Settings(warm_up=False)).made_with == []


async def _nothing(client: LspClient, runtime: FakeRuntime) -> None:
    await client.settle()


def test_trouble_at_the_start_is_told_once() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await runtime.made.wait()
        runtime.model = FAILURES[0]
        client.notify("workspace/didChangeConfiguration", {"settings": {"fimbria": {"model": "x"}}})
        assert "fimbria.model" in await told(client)
        client.open("a")
        assert await client.result(client.complete(0, 1)) == {"items": []}

    session(scenario, FAILURES[0], settings=Settings())


def test_after_trouble_at_the_start_the_model_is_asked_what_it_can_do() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = FAILURES[0]
        assert "fimbria.model" in await told(client)
        runtime.model = replace(MODEL, capabilities=frozenset({Capability.COMPLETION}))
        client.open("a b")
        assert len((await client.result(client.complete(0, 1)))["items"]) == 1
        await client.take("window/showMessage")

    runtime = session(scenario, "x", settings=Settings(guess_ahead=False))
    assert [call.request.suffix for call in runtime.calls] == [None]


def test_a_model_that_does_not_fill_in_goes_on_from_the_prefix_and_that_is_said_once() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = replace(
            MODEL,
            id="bigcode/starcoder2-3b-left",
            capabilities=frozenset({Capability.COMPLETION}),
            family="starcoder2",
        )
        client.open("a b\nc\n")
        for line in range(2):
            assert len((await client.result(client.complete(line, 1)))["items"]) == 1
        shown = (await client.take("window/showMessage"))["params"]
        assert shown["type"] == 3
        assert "bigcode/starcoder2-3b-left was not trained to fill in" in shown["message"]
        assert "bigcode/starcoder2-3b or bigcode/starcoder2-7b" in shown["message"]

    runtime = session(scenario, "x", settings=ONLY_WHEN_ASKED)
    assert [call.request.suffix for call in runtime.calls] == [None, None]


def test_the_display_of_loading_ends_with_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.loaded = asyncio.Event()
        client.open("a")
        request = client.complete(0, 1)
        await runtime.made.wait()
        assert runtime.progress is not None
        runtime.progress(LoadProgress("reading weights", 0.1))
        create = await client.take("window/workDoneProgress/create")
        client.send({"id": create["id"], "result": None})
        assert (await client.take("$/progress"))["params"]["value"]["kind"] == "begin"
        runtime.loaded.set()
        await runtime.next_call()
        assert (await client.take("$/progress"))["params"]["value"] == {"kind": "end"}
        client.send(cancelling(request))
        await client.answer(request)

    session(scenario, capabilities=PROGRESS)


def test_loading_is_shown() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        call = await runtime.next_call()
        assert runtime.progress is not None
        runtime.progress(LoadProgress("reading weights", 0.1))
        create = await client.take("window/workDoneProgress/create")
        runtime.progress(LoadProgress("reading weights", 0.3))
        await client.settle()
        client.send({"id": create["id"], "result": None})
        begin = (await client.take("$/progress"))["params"]
        assert begin["token"] == create["params"]["token"]
        assert begin["value"] == {
            "kind": "begin",
            "title": "Fimbria: loading the model",
            "message": "reading weights",
            "percentage": 30,
        }
        runtime.progress(LoadProgress("moving to the GPU", 0.9))
        report = (await client.take("$/progress"))["params"]["value"]
        assert report == {"kind": "report", "message": "moving to the GPU", "percentage": 90}
        call.answer("b")
        assert len((await client.result(request))["items"]) == 1
        assert (await client.take("$/progress"))["params"]["value"] == {"kind": "end"}

    session(scenario, capabilities=PROGRESS)


def test_a_display_that_comes_too_late_is_not_opened() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        call = await runtime.next_call()
        assert runtime.progress is not None
        runtime.progress(LoadProgress("reading weights", 0.1))
        create = await client.take("window/workDoneProgress/create")
        call.answer("b")
        await client.result(request)
        client.send({"id": create["id"], "result": None})
        await client.settle()

    session(scenario, capabilities=PROGRESS)


def test_an_editor_without_progress_is_left_alone() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        call = await runtime.next_call()
        assert runtime.progress is not None
        runtime.progress(LoadProgress("reading weights", 0.1))
        await client.settle()
        call.answer("b")
        await client.result(request)

    session(scenario)


def test_an_editor_that_refuses_a_display() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        request = client.complete(0, 1)
        call = await runtime.next_call()
        assert runtime.progress is not None
        runtime.progress(LoadProgress("reading weights", 0.1))
        create = await client.take("window/workDoneProgress/create")
        client.send({"id": create["id"], "error": {"code": -32603, "message": "no"}})
        runtime.progress(LoadProgress("reading weights", 0.5))
        await client.settle()
        call.answer("b")
        await client.result(request)

    session(scenario, capabilities=PROGRESS)
