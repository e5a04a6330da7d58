from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lsp_server.positions import PositionEncoding
from lsp_server.settings import Settings
from model_runtime.api import Capability, FinishReason, ModelInfo
from tests.fakes import MODEL, FakeRuntime
from tests.lsp.client import URI, LspClient, changing
from tests.lsp.sessions import apply_item, check_inline, session

BASE = ModelInfo(id="base", context_length=64, capabilities=frozenset({Capability.COMPLETION}))


@pytest.mark.parametrize(
    ("fixture", "answer", "expect"),
    [
        ("def f(‸", "x):", "def f(x):‸"),
        ("#‸", " a", "# a‸"),
        ("a = 1\n‸", "b = 2", "a = 1\nb = 2‸"),
        ("a = 1\n‸\nc = 3\n", "b = 2\n", "a = 1\nb = 2‸\nc = 3\n"),
        ("s = '😋é中' + ‸", "t", "s = '😋é中' + t‸"),
        ("😋 = [‸]", "'👩‍💻'", "😋 = ['👩‍💻'‸]"),
        ("\tif x:‸\n", "\n\t\treturn", "\tif x:\n\t\treturn‸\n"),
        ("def f(‸)\r\n", "x):\n    return x", "def f(x):\r\n    return x‸\r\n"),
        ("a = 1\r\nb = f(‸\r\n", "a,\n  2)", "a = 1\r\nb = f(a,\r\n  2)‸\r\n"),
        ("a = 1\rb = f(‸\r", "a,\n  2)", "a = 1\rb = f(a,\r  2)‸\r"),
        ("a = 1\x0c + ‸\u2028\nb", "2", "a = 1\x0c + 2‸\u2028\nb"),
        ("x = '\u2028😋' # \x0c\ny = ‸", "x", "x = '\u2028😋' # \x0c\ny = x‸"),
        ("print(‸)", "'a')", "print('a'‸)"),
        ("print(‸)", "'a') or b", "print('a') or b‸"),
        ("print(‸)", "f(x)", "print(f(x)‸)"),
        ("x = {‸}", "'😋': {1: 2}", "x = {'😋': {1: 2}‸}"),
    ],
)
def test_the_buffer_after_accepting(fixture: str, answer: str, expect: str) -> None:
    check_inline(fixture, answer, expect)


def test_what_the_runtime_is_asked() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a\r\nb = c\r\n")
        await client.result(client.complete(1, 1))
        client.open("other", uri="file:///other.py")
        await client.result(client.complete(0, 5, uri="file:///other.py"))

    runtime = session(scenario, "x", options={"fimbria": {"maxTokens": 7}})
    first, second = (call.request for call in runtime.calls)
    assert (first.prompt, first.suffix) == ("a\nb", " = c\n")
    assert first.stop == ("\n",)
    assert first.max_tokens == 7
    assert first.document not in (None, second.document)
    assert "example" not in str(first.document)


@pytest.mark.parametrize("warm_up", [True, False])
def test_a_model_that_does_not_infill_continues_the_prefix(warm_up: bool) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = BASE
        client.open("a b")
        await client.result(client.complete(0, 1))
        assert "base was not trained" in str(await client.take("window/showMessage"))

    runtime = session(scenario, "x", settings=Settings(warm_up=warm_up, guess_ahead=False))
    assert [call.request.suffix for call in runtime.calls] == [None]


@pytest.mark.parametrize("warm_up", [True, False])
def test_a_model_for_single_lines_is_asked_for_one(warm_up: bool) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = replace(MODEL, single_line=True)
        client.open("a")
        await client.result(client.complete(0, 1))

    runtime = session(scenario, "x", settings=Settings(warm_up=warm_up, guess_ahead=False))
    assert [call.request.stop for call in runtime.calls] == [("\n",)]


def test_a_request_waits_until_it_is_known_what_the_model_can_do() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model, runtime.loaded = BASE, asyncio.Event()
        client.open("a b")
        early = client.complete(0, 1)
        client.send(changing("a", 0, 1, version=2))
        assert await client.result(early) is None
        request = client.complete(0, 2)
        await client.settle()
        assert not runtime.calls
        runtime.loaded.set()
        assert len((await client.result(request))["items"]) == 1
        await client.take("window/showMessage")

    runtime = session(scenario, "x")
    assert [call.request.suffix for call in runtime.calls] == [None]


def test_another_model_may_be_served_later_and_speaks_for_itself() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a b")
        for at, model in [(1, MODEL), (3, BASE), (1, BASE)]:
            runtime.model = model
            await client.result(client.complete(0, at))
        await client.take("window/showMessage")

    runtime = session(scenario, "x")
    assert [call.request.suffix for call in runtime.calls] == [" b", None, None]


def test_half_a_surrogate_pair_reaches_the_runtime_as_a_replacement_character() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = '\ud83d' + \n")
        result = await client.result(client.complete(0, 11))
        assert result["items"][0]["insertText"] == "b"

    runtime = session(scenario, "b")
    assert runtime.calls[0].request.prompt == "a = '\ufffd' + "


@pytest.mark.parametrize("answer", ["", "  \n", "\x00", "\nb = 2"])
def test_nothing_worth_showing_is_an_empty_list(answer: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = 1\nb = 2\n")
        assert await client.result(client.complete(0, 5)) == {"items": []}

    session(scenario, answer)


def test_a_file_that_is_not_open() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        assert await client.result(client.complete(0, 0, uri="file:///unknown")) == {"items": []}

    assert session(scenario, "x").calls == []


def test_a_last_line_that_was_cut_short_is_not_shown() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("def f():")
        request = client.complete(0, 8)
        (await runtime.next_call()).answer("\n    a = 1\n    b =", FinishReason.LENGTH)
        result = await client.result(request)
        assert result["items"][0]["insertText"] == "\n    a = 1"

    session(scenario)


@pytest.mark.parametrize("context", [{"triggerKind": 0}, {"triggerKind": 1}, {}, None])
def test_trigger_kinds_of_drafts_of_the_protocol(context: object) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        params = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 1}}
        if context is not None:
            params["context"] = context  # type: ignore[assignment]
        result = await client.result(client.ask("textDocument/inlineCompletion", params))
        assert result["items"][0]["insertText"] == "x"

    session(scenario, "x")


def test_the_selected_entry_of_a_completion_menu_is_continued() -> None:
    text = "import os\nos.pa\n"

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        span = {"start": {"line": 1, "character": 3}, "end": {"line": 1, "character": 5}}
        message = client.completing(1, 5)
        message["params"]["context"]["selectedCompletionInfo"] = {"range": span, "text": "path"}
        client.send(message)
        (item,) = (await client.result(message["id"]))["items"]
        assert item["range"] == span
        accepted = apply_item(text, item, PositionEncoding.UTF16)
        assert accepted == "import os\nos.path.join(a)‸\n"

    runtime = session(scenario, ".join(a)")
    assert runtime.calls[0].request.prompt == "import os\nos.path"


def test_a_position_past_the_end_is_the_end() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a = ")
        result = await client.result(client.complete(7, 99))
        assert result["items"][0]["range"]["start"] == {"line": 0, "character": 4}

    session(scenario, "1")


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n"])
def test_an_empty_file_gives_a_model_nothing_to_go_on(text: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open(text)
        assert await client.result(client.complete(0, 0)) == {"items": []}

    assert session(scenario, "x").calls == []


def test_directly_before_a_word_ghost_text_comes_only_when_asked_for() -> None:
    """There a guess is rarely right, and accepting it breaks the word that follows."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("x = [self.size]")
        assert await client.result(client.complete(0, 10)) == {"items": []}

    assert session(scenario, "entries])").calls == []


def test_nothing_is_computed_that_would_not_be_shown() -> None:
    answer = ":\n    return a\n\ndef other():\n    pass\n"

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("def f(a)")
        result = await client.result(client.complete(0, 8))
        assert result["items"][0]["insertText"] == ":\n    return a"

    (call,) = session(scenario, answer).calls
    assert call.num_sent == len(":\n    return a\n\nd")
    assert call.aborted.is_set()
