"""What a question refers to in open documents, as the model sees it."""

from __future__ import annotations

from tests.fakes import FakeRuntime
from tests.lsp.chatting import (
    CHATTING_MODEL,
    answered,
    ask,
    chat,
    conversation_sent,
    partial_results,
    range_json,
    result_of,
    saying,
)
from tests.lsp.client import URI, LspClient, changing


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
