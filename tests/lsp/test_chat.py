"""`fimbria/chat`: questions, partial results, and conversations that go on."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.server import make_server
from model_runtime.api import ChatRequest
from tests.fakes import FakeRuntime
from tests.lsp.chatting import (
    CHATTING_MODEL,
    INVALID_PARAMS,
    ONLY_WHEN_ASKED,
    answered,
    ask,
    chat,
    conversation_sent,
    error_of,
    partial_results,
    result_of,
    streamed_text,
)
from tests.lsp.client import LspClient, in_process, play


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


@pytest.mark.parametrize(
    ("own", "expected"),
    [(None, "You are a programming assistant"), ("Be\nbrief.\n", "Be\nbrief.")],
)
def test_the_system_prompt_is_ours_or_the_user_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str | None, expected: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if own is not None:
        (tmp_path / "fimbria" / "prompts").mkdir(parents=True)
        (tmp_path / "fimbria" / "prompts" / "chat.md").write_text(own)

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await answered(client, runtime, "One?", "1")
        request = runtime.calls[0].request
        assert isinstance(request, ChatRequest)
        assert request.messages[0].content.startswith(expected)

    chat(scenario)


def test_a_system_prompt_that_is_wrong_is_left_out_and_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "fimbria" / "prompts").mkdir(parents=True)
    (tmp_path / "fimbria" / "prompts" / "chat.md").write_text("Speak {{language}}.")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await answered(client, runtime, "One?", "1")
        told = (await client.take("window/showMessage"))["params"]["message"]
        assert "{{language}} is no placeholder" in told
        request = runtime.calls[0].request
        assert isinstance(request, ChatRequest)
        assert request.messages[0].content.startswith("You are a programming assistant")

    chat(scenario)


def test_a_conversation_of_which_a_crash_has_left_nothing_goes_on(data_folder: Path) -> None:
    data_folder.mkdir(parents=True)
    (data_folder / f"{'0' * 16}.jsonl").write_bytes(b'{"kind":"question","id":"a')

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        assert await result_of(client, "fimbria/chat/list") == []
        result = await answered(client, runtime, "One?", "1", "0" * 16)
        assert result["isKept"] is True
        assert [each["numTurns"] for each in await result_of(client, "fimbria/chat/list")] == [1]

    chat(scenario)


def test_two_windows_go_on_with_one_conversation_at_once() -> None:
    async def whole() -> None:
        runtimes = [FakeRuntime(), FakeRuntime()]
        async with AsyncExitStack() as stack:
            windows = []
            for runtime in runtimes:
                runtime.model = CHATTING_MODEL
                server = make_server(runtime.factory, ONLY_WHEN_ASKED)
                windows.append(await stack.enter_async_context(in_process(server)))
                await windows[-1].start()
            begun = await answered(windows[0], runtimes[0], "One?", "1")
            conversation = begun["conversation"]
            asked = [ask(windows[n], f"{n}?", conversation) for n in (0, 1)]
            for n in (1, 0):
                (await runtimes[n].next_call()).answer(f"{n}!")
                await windows[n].result(asked[n])
                partial_results(windows[n], f"partial {n}?")
            for window in windows:
                whole = await result_of(window, "fimbria/chat/get", conversation=conversation)
                said = [each["content"] for each in whole["messages"]]
                assert said[:2] == ["One?", "1"]
                assert sorted([said[2:4], said[4:6]]) == [["0?", "0!"], ["1?", "1!"]]

    play(whole())
