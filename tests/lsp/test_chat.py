"""`fimbria/chat`: questions, partial results, conversations, and what ends an answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lsp_server.settings import Settings
from model_runtime.api import (
    FinishReason,
    ModelNotFound,
    RuntimeFailure,
    RuntimeUnavailable,
)
from tests.fakes import FakeRuntime
from tests.lsp.chatting import (
    CANCELLED,
    CHATTING_MODEL,
    INVALID_PARAMS,
    ONLY_WHEN_ASKED,
    REQUEST_FAILED,
    SERVER_CANCELLED,
    ask,
    conversation_sent,
    error_of,
    partial_results,
    range_json,
    result_of,
    saying,
    streamed_text,
)
from tests.lsp.client import URI, LspClient, cancelling, changing
from tests.lsp.sessions import session

Scenario = Callable[[LspClient, FakeRuntime], Awaitable[None]]


@pytest.fixture(autouse=True)
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "fimbria" / "conversations"


def chat(scenario: Scenario, settings: Settings = ONLY_WHEN_ASKED, **further: Any) -> FakeRuntime:
    """A session with a model that chats."""

    async def with_model(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = CHATTING_MODEL
        await scenario(client, runtime)

    return session(with_model, settings=settings, **further)


async def answered(
    client: LspClient, runtime: FakeRuntime, question: str, answer: str, conversation: str = ""
) -> dict[str, Any]:
    """Ask a question, have it answered, and leave nothing unread."""
    request = ask(client, question, conversation)
    (await runtime.next_call()).answer(answer)
    result: dict[str, Any] = await client.result(request)
    partial_results(client, f"partial {question}")
    return result


def test_an_answer_streams_and_comes_whole_at_the_end() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = ask(client, "What is a\r\nmonad?")
        call = await runtime.next_call()
        assert conversation_sent(call) == [("user", "What is a\nmonad?")]
        call.answer("A **monoid** 😋")
        result = await client.result(request)

        begin, *rest = partial_results(client, "partial What is a\r\nmonad?")
        assert begin["kind"] == "begin"
        assert begin["conversation"] == result["conversation"]
        assert begin["answer"] == result["answer"]["id"]
        assert begin["title"] == result["title"] == "What is a monad?"
        assert streamed_text(rest) == result["answer"]["content"] == "A **monoid** 😋"
        assert result["answer"]["ending"] == "stop"
        assert result["answer"]["model"] == "fake"
        assert result["usage"] == {"promptTokens": 8, "cachedTokens": 0, "completionTokens": 4}
        assert result["isKept"] is True

    chat(scenario)


def test_without_a_token_nothing_is_streamed() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        result = await result_of(client, "fimbria/chat", message="Hello")
        assert result["answer"]["content"] == "Hi"

    chat(scenario, outcome="Hi")


def test_a_conversation_goes_on() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        first = await answered(client, runtime, "One?", "1")
        again = ask(client, "Two?", first["conversation"])
        call = await runtime.next_call()
        assert conversation_sent(call) == [
            ("user", "One?"), ("assistant", "1"), ("user", "Two?"),
        ]  # fmt: skip
        assert call.request.document == runtime.calls[0].request.document
        call.answer("2")
        second = await client.result(again)
        assert second["conversation"] == first["conversation"]
        assert second["title"] == "One?"
        partial_results(client, "partial Two?")

    chat(scenario)


def test_conversations_do_not_mix() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        one = await answered(client, runtime, "One?", "1")
        other = await answered(client, runtime, "Other?", "2")
        assert one["conversation"] != other["conversation"]
        assert conversation_sent(runtime.calls[1]) == [("user", "Other?")]
        assert runtime.calls[0].request.document != runtime.calls[1].request.document

    chat(scenario)


def test_list_get_rename_and_delete() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        one = (await answered(client, runtime, "One?", "1"))["conversation"]
        two = (await answered(client, runtime, "Two?", "2"))["conversation"]
        listed = await result_of(client, "fimbria/chat/list")
        assert [(each["conversation"], each["title"]) for each in listed] == [
            (two, "Two?"), (one, "One?"),
        ]  # fmt: skip
        assert len(await result_of(client, "fimbria/chat/list", limit=1)) == 1

        await result_of(client, "fimbria/chat/rename", conversation=one, title="  The\nfirst ")
        whole = await result_of(client, "fimbria/chat/get", conversation=one)
        assert whole["title"] == "The first"
        assert [(each["role"], each["content"]) for each in whole["messages"]] == [
            ("user", "One?"), ("assistant", "1"),
        ]  # fmt: skip

        await result_of(client, "fimbria/chat/delete", conversation=one)
        listed = await result_of(client, "fimbria/chat/list")
        assert [each["conversation"] for each in listed] == [two]
        error = await error_of(client, "fimbria/chat/get", {"conversation": one})
        assert error["code"] == INVALID_PARAMS
        assert "deleted" in error["message"]

    chat(scenario)


def test_another_session_goes_on_with_a_conversation(data_folder: Path) -> None:
    ids: list[str] = []

    async def first(client: LspClient, runtime: FakeRuntime) -> None:
        ids.append((await answered(client, runtime, "One?", "1"))["conversation"])

    async def second(client: LspClient, runtime: FakeRuntime) -> None:
        (listed,) = await result_of(client, "fimbria/chat/list")
        assert listed["conversation"] == ids[0]
        await answered(client, runtime, "Two?", "2", ids[0])
        assert conversation_sent(runtime.calls[0])[:2] == [("user", "One?"), ("assistant", "1")]

    chat(first)
    chat(second)
    (file,) = data_folder.glob("*.jsonl")
    assert file.stat().st_mode & 0o777 == 0o600
    assert all(json.loads(line) for line in file.read_text().splitlines())


def test_conversations_that_are_not_kept_end_with_the_session(data_folder: Path) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        one = await answered(client, runtime, "One?", "1")
        assert one["isKept"] is False
        await answered(client, runtime, "Two?", "2", one["conversation"])
        (listed,) = await result_of(client, "fimbria/chat/list")
        assert listed["numTurns"] == 2

    chat(scenario, replace(ONLY_WHEN_ASKED, keep_conversations=False))
    assert not data_folder.exists()


def test_an_earlier_question_is_asked_in_other_words() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        one = await answered(client, runtime, "One?", "1")
        await answered(client, runtime, "Two?", "2", one["conversation"])
        again = ask(client, "Uno?", one["conversation"], replaces=one["question"])
        call = await runtime.next_call()
        assert conversation_sent(call) == [("user", "Uno?")]
        call.answer("I")
        await client.result(again)
        whole = await result_of(client, "fimbria/chat/get", conversation=one["conversation"])
        assert [each["content"] for each in whole["messages"]] == ["Uno?", "I"]
        partial_results(client, "partial Uno?")

    chat(scenario)


def test_only_a_question_of_the_conversation_can_be_replaced() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        one = await answered(client, runtime, "One?", "1")
        params = {"message": "a", "conversation": one["conversation"], "replaces": "0"}
        error = await error_of(client, "fimbria/chat", params)
        assert error["code"] == INVALID_PARAMS
        assert "replaces" in error["message"]

    chat(scenario)


# What a question refers to


def test_a_selection_goes_with_the_question_as_it_was_when_asked() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("😋 = 1\r\ndef f():\r\n    return 😋\r\n")
        reference = {"uri": URI, "range": range_json((1, 0), (2, 13))}
        request = client.asking("fimbria/chat", saying("Why?", references=[reference]))
        client.send(request, changing("x", 2, 4, version=2))
        call = await runtime.next_call()
        call.answer("So.")
        result = await client.result(request["id"])
        ((_, said),) = conversation_sent(call)
        assert said == (
            "`example.py`, lines 2 to 3:\n```python\ndef f():\n    return 😋\n```\n\nWhy?"
        )
        begin = partial_results(client, "partial Why?")[0]
        assert begin["references"] == [{"uri": URI, "isSent": True, "problem": ""}]

        await answered(client, runtime, "And now?", "So.", result["conversation"])
        assert conversation_sent(runtime.calls[1])[0] == ("user", said), "or the KV cache is lost"
        whole = await result_of(client, "fimbria/chat/get", conversation=result["conversation"])
        assert whole["messages"][0]["content"] == "Why?"
        assert whole["messages"][0]["references"] == [reference]

    chat(scenario)


def test_a_diagnostic_goes_with_the_lines_around_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("".join(f"line{n}\n" for n in range(30)))
        diagnostic = {
            "range": range_json((14, 0), (14, 6)),
            "severity": 2,
            "source": "ruff",
            "code": "F821",
            "message": "Undefined name",
        }
        request = ask(client, "Why?", references=[{"uri": URI, "diagnostic": diagnostic}])
        call = await runtime.next_call()
        call.answer("So.")
        await client.result(request)
        ((_, said),) = conversation_sent(call)
        assert said.startswith("Warning in line 15: Undefined name (ruff F821)\n\n`example.py`, ")
        assert "line9\n" in said
        assert "line19\n" in said
        assert "line8\n" not in said
        assert "line20\n" not in said
        partial_results(client, "partial Why?")

    chat(scenario)


def test_a_file_that_is_too_long_is_cut_and_the_client_is_told() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("".join(f"line {n}\n" for n in range(10_000)))
        request = ask(client, "What is this?", references=[{"uri": URI}])
        call = await runtime.next_call()
        call.answer("Lines.")
        await client.result(request)
        ((_, said),) = conversation_sent(call)
        assert len(said) < 3 * CHATTING_MODEL.context_length
        begin = partial_results(client, "partial What is this?")[0]
        assert begin["references"][0]["isSent"]
        assert "beginning" in begin["references"][0]["problem"]

    chat(scenario)


def test_code_with_fences_stays_one_block() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open('"""\n```python\n```\n"""\n')
        request = ask(client, "Why?", references=[{"uri": URI}])
        call = await runtime.next_call()
        call.answer("So.")
        await client.result(request)
        assert "````python\n" in conversation_sent(call)[0][1]
        partial_results(client, "partial Why?")

    chat(scenario)


# What ends an answer


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


async def still_answers(client: LspClient, runtime: FakeRuntime) -> None:
    runtime.outcome = "Yes."
    result = await result_of(client, "fimbria/chat", message="Are you there?")
    assert result["answer"]["content"] == "Yes."


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


# Which model


def test_a_model_that_does_not_chat_names_the_settings_that_bring_chat(data_folder: Path) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        for _ in range(2):
            error = await error_of(client, "fimbria/chat", {"message": "One?"})
            assert error["code"] == REQUEST_FAILED
            assert "fake does not chat" in error["message"]
            assert "chat_model" in error["message"]
            assert "chat_endpoint" in error["message"]
        status = await result_of(client, "fimbria/chat/status")
        assert status["isAvailable"] is False
        assert status["whyNot"] == error["message"]
        assert await result_of(client, "fimbria/chat/list") == []

    runtime = session(scenario)
    assert runtime.calls == [], "no question is sent to a model that does not chat"
    assert not data_folder.exists()


def test_a_model_that_cannot_be_loaded_is_an_error() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = ModelNotFound("There is no model in ~/nowhere.", "Set model.")
        error = await error_of(client, "fimbria/chat", {"message": "One?"})
        assert error["message"] == "There is no model in ~/nowhere. Set model."

    session(scenario)


def test_a_second_model_brings_chat_at_once_when_it_is_set() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await error_of(client, "fimbria/chat", {"message": "One?"})
        client.notify(
            "workspace/didChangeConfiguration",
            {"settings": {"fimbria": {"chatModel": "some-instruct"}}},
        )
        status = await result_of(client, "fimbria/chat/status")
        assert status["isAvailable"] is True
        assert status["model"] == "some-instruct"
        await still_answers(client, runtime)
        assert runtime.made_with[-1].chat_model == "some-instruct"

    session(scenario)


# Mistakes of a client


@pytest.mark.parametrize(
    ("method", "params", "names"),
    [
        ("fimbria/chat", None, "params"),
        ("fimbria/chat", [], "params"),
        ("fimbria/chat", {}, "message"),
        ("fimbria/chat", {"message": 1}, "message"),
        ("fimbria/chat", {"message": " \n"}, "message"),
        ("fimbria/chat", {"message": "a", "conversation": "../../etc/passwd"}, "conversation"),
        ("fimbria/chat", {"message": "a", "conversation": 7}, "conversation"),
        ("fimbria/chat", {"message": "a", "conversation": "0" * 16}, "conversation"),
        ("fimbria/chat", {"message": "a", "replaces": "0"}, "replaces"),
        ("fimbria/chat", {"message": "a", "references": {}}, "references"),
        ("fimbria/chat", {"message": "a", "references": [{}]}, "references[0].uri"),
        ("fimbria/chat", {"message": "a", "references": [1]}, "references[0]"),
        (
            "fimbria/chat",
            {"message": "a", "references": [{"uri": "u", "range": {}}]},
            "references[0].range.start",
        ),
        (
            "fimbria/chat",
            {"message": "a", "references": [{"uri": "u", "diagnostic": {"message": "m"}}]},
            "references[0].diagnostic.range",
        ),
        ("fimbria/chat", {"message": "a", "partialResultToken": []}, "partialResultToken"),
        ("fimbria/chat/get", {}, "conversation"),
        ("fimbria/chat/list", {"limit": 0}, "limit"),
        ("fimbria/chat/list", {"limit": True}, "limit"),
        ("fimbria/chat/rename", {"conversation": "0" * 16, "title": ""}, "title"),
        ("fimbria/chat/rename", {"conversation": "0" * 16, "title": "a"}, "conversation"),
        ("fimbria/chat/delete", {"conversation": "0" * 16}, "conversation"),
    ],
)
def test_a_mistake_is_named(method: str, params: object, names: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        error = await error_of(client, method, params)
        assert error["code"] == INVALID_PARAMS
        assert names in error["message"]
        await still_answers(client, runtime)

    chat(scenario)


def test_keys_that_are_no_names_and_halves_of_characters_do_no_harm() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        params = {"message": "a \ud83d", "type_name": "x y", "class": 1, "": None}
        request = client.ask("fimbria/chat", params)
        call = await runtime.next_call()
        assert conversation_sent(call) == [("user", "a ?")]
        call.answer("b")
        await client.result(request)

    chat(scenario)


def test_shutting_down_in_mid_answer_ends_it() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        request = ask(client, "One?")
        call = await runtime.next_call()
        await client.finish()
        assert call.aborted.is_set()
        assert "error" in await client.answer(request)
        partial_results(client, "partial One?")

    chat(scenario)


def test_the_log_says_once_at_the_start_which_setting_brings_chat(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "lsp_server.chat_link")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await runtime.made.wait()
        await client.settle()

    session(scenario, settings=Settings())
    (line,) = [record.getMessage() for record in caplog.records if "chat_model" in record.message]
    assert line.startswith("fake does not chat: set chat_model")
