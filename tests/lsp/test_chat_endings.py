"""What ends an answer before it is whole: users, newer questions, engines."""

from __future__ import annotations

import errno
import os

import pytest

from lsp_server.chat.store import ConversationStore
from model_runtime.api import (
    FinishReason,
    RuntimeFailure,
    RuntimeUnavailable,
)
from tests.fakes import FakeRuntime
from tests.lsp.chatting import (
    CANCELLED,
    REQUEST_FAILED,
    SERVER_CANCELLED,
    answered,
    ask,
    chat,
    conversation_sent,
    error_of,
    partial_results,
    result_of,
    still_answers,
)
from tests.lsp.client import LspClient, cancelling


def test_cancelling_ends_the_engine_s_work_and_keeps_what_there_is() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.stops_after = 3
        request = ask(client, "One?")
        call = await runtime.next_call()
        call.answer("1234567")
        await call.stuck.wait()
        client.send(cancelling(request))
        assert (await client.answer(request))["error"]["code"] == CANCELLED
        assert call.aborted.is_set()
        begin, *_ = partial_results(client, "partial One?")
        whole = await result_of(client, "fimbria/chat/get", conversation=begin["conversation"])
        reply = whole["messages"][1]
        assert (reply["content"], reply["ending"]) == ("123", "aborted")
        assert reply["id"] == begin["answer"]

    chat(scenario)


def test_a_newer_question_supersedes_the_older_one_and_sees_what_it_had_said() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        first = await answered(client, runtime, "One?", "1")
        runtime.stops_after = 3
        older = ask(client, "Two?", first["conversation"])
        call = await runtime.next_call()
        call.answer("abcdef")
        await call.stuck.wait()
        runtime.stops_after = None
        newer = ask(client, "No, three?", first["conversation"])
        error = (await client.answer(older))["error"]
        assert error["code"] == SERVER_CANCELLED
        assert call.aborted.is_set()
        latest = await runtime.next_call()
        assert conversation_sent(latest)[2:] == [
            ("user", "Two?"), ("assistant", "abc"), ("user", "No, three?"),
        ]  # fmt: skip
        latest.answer("3")
        await client.result(newer)
        for question in ("Two?", "No, three?"):
            partial_results(client, f"partial {question}")

    chat(scenario)


def test_other_conversations_are_not_superseded() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        one, two = ask(client, "One?"), ask(client, "Two?")
        for call in [await runtime.next_call(), await runtime.next_call()]:
            call.answer("yes")
        assert (await client.result(one))["answer"]["content"] == "yes"
        assert (await client.result(two))["answer"]["content"] == "yes"
        for question in ("One?", "Two?"):
            partial_results(client, f"partial {question}")

    chat(scenario)


def test_deleting_a_conversation_ends_the_answer_in_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        first = await answered(client, runtime, "One?", "1")
        older = ask(client, "Two?", first["conversation"])
        call = await runtime.next_call()
        await result_of(client, "fimbria/chat/delete", conversation=first["conversation"])
        assert (await client.answer(older))["error"]["code"] == SERVER_CANCELLED
        assert call.aborted.is_set()
        assert await result_of(client, "fimbria/chat/list") == []
        partial_results(client, "partial Two?")

    chat(scenario)


@pytest.mark.parametrize("answer", ["", " \n "])
def test_an_empty_answer_is_an_error_that_says_so(answer: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        error = await error_of(client, "fimbria/chat", {"message": "One?"})
        assert error["code"] == REQUEST_FAILED
        assert "empty" in error["message"]
        await still_answers(client, runtime)

    chat(scenario, outcome=answer)


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeUnavailable("The daemon has ended.", "Its log is daemon.log."),
        RuntimeFailure("HTTP 500.", "Look at the engine's log."),
    ],
    ids=lambda failure: failure.code,
)
def test_a_failing_engine_is_an_error_and_the_server_goes_on(failure: RuntimeFailure) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        error = await error_of(client, "fimbria/chat", {"message": "One?"})
        assert error["code"] == REQUEST_FAILED
        assert error["message"] == f"{failure.message} {failure.hint}"
        await still_answers(client, runtime)

    chat(scenario, outcome=failure)


def test_an_engine_that_breaks_off_leaves_what_it_had_said() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.stops_after = 3
        request = ask(client, "One?")
        call = await runtime.next_call()
        call.answer("1234567")
        await call.stuck.wait()
        call.break_off(RuntimeUnavailable("The daemon has ended."))
        assert (await client.answer(request))["error"]["code"] == REQUEST_FAILED
        begin, *_ = partial_results(client, "partial One?")
        whole = await result_of(client, "fimbria/chat/get", conversation=begin["conversation"])
        reply = whole["messages"][1]
        assert (reply["content"], reply["ending"]) == ("123", "failed")

    chat(scenario)


def test_nothing_is_taken_back_for_a_question_that_nobody_answers() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        first = await answered(client, runtime, "One?", "1")
        old = {"conversation": first["conversation"], "replaces": first["question"]}
        runtime.outcome = RuntimeUnavailable("The daemon has ended.")
        error = await error_of(client, "fimbria/chat", {"message": "Uno?", **old})
        assert error["code"] == REQUEST_FAILED
        get = {"conversation": first["conversation"]}
        whole = await result_of(client, "fimbria/chat/get", **get)
        assert [each["content"] for each in whole["messages"]] == ["One?", "1"]
        runtime.outcome = "uno"
        result = await result_of(client, "fimbria/chat", message="Uno?", **old)
        assert result["isKept"] is True
        whole = await result_of(client, "fimbria/chat/get", **get)
        assert [each["content"] for each in whole["messages"]] == ["Uno?", "uno"]

    chat(scenario)


def test_an_answer_that_cannot_be_kept_is_still_given(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(ConversationStore, "append", broken)

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        result = await answered(client, runtime, "One?", "1")
        assert (result["answer"]["content"], result["isKept"]) == ("1", False)
        await client.take("window/logMessage")

    chat(scenario)


def test_an_answer_that_is_cut_short_says_so() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = ask(client, "One?")
        (await runtime.next_call()).answer("1, 2, 3", FinishReason.LENGTH)
        assert (await client.result(request))["answer"]["ending"] == "length"
        partial_results(client, "partial One?")

    chat(scenario)


def test_a_bug_is_an_internal_error_without_its_text() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        error = await error_of(client, "fimbria/chat", {"message": "One?"})
        assert error["code"] == -32603
        assert "boom" not in str(client.transcript)
        await client.take("window/logMessage")
        await still_answers(client, runtime)

    chat(scenario, outcome=ValueError("boom"))


def test_shutting_down_in_mid_answer_ends_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = ask(client, "One?")
        call = await runtime.next_call()
        await client.finish()
        assert call.aborted.is_set()
        assert "error" in await client.answer(request)
        partial_results(client, "partial One?")

    chat(scenario)


def test_stopping_the_progress_display_ends_the_answer() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = client.ask("fimbria/chat", {"message": "One?", "workDoneToken": "work"})
        call = await runtime.next_call()
        begin = await client.take("$/progress")
        assert begin["params"] == {
            "token": "work",
            "value": {"kind": "begin", "title": "Answering", "cancellable": True},
        }
        client.notify("window/workDoneProgress/cancel", {"token": "work"})
        assert (await client.answer(request))["error"]["code"] == CANCELLED
        assert call.aborted.is_set()
        assert (await client.take("$/progress"))["params"]["value"] == {"kind": "end"}
        await still_answers(client, runtime)

    chat(scenario)
