from __future__ import annotations

import asyncio
import json

import pytest

from lsp_server import __version__
from lsp_server.server import make_server
from lsp_server.settings import Settings
from lsp_server.transport import read_message, serve
from tests.fakes import FakeRuntime
from tests.lsp.client import URI, LspClient, in_process, play
from tests.lsp.sessions import session


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-16"], "utf-16"),
        (["utf-32", "utf-8", "utf-16"], "utf-32"),
        (["utf-7", "utf-8"], "utf-8"),
        (None, "utf-16"),
    ],
)
def test_capabilities(offered: list[str] | None, chosen: str) -> None:
    async def scenario() -> None:
        server = make_server(FakeRuntime("x").factory, Settings(warm_up=False))
        async with in_process(server) as client:
            general = {} if offered is None else {"positionEncodings": offered}
            result = await client.start(capabilities={"general": general})
            assert result["serverInfo"] == {"name": "fimbria", "version": __version__}
            assert client.capabilities["positionEncoding"] == chosen
            assert client.capabilities["inlineCompletionProvider"] == {}
            sync = client.capabilities["textDocumentSync"]
            assert (sync["openClose"], sync["change"]) == (True, 2)

    play(scenario())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"id": "a", "method": "textDocument/inlineCompletion", "params": {"position": 3}}, -32602),
        ({"id": "a", "method": "textDocument/inlineCompletion", "params": []}, -32602),
        ({"id": "a", "method": "textDocument/inlineCompletion"}, -32602),
        ({"id": "a", "method": "no/such/method", "params": {}}, -32601),
        ({"id": "a", "method": "initialize", "params": {"capabilities": {}}}, -32600),
        ({"id": "a", "method": "workspace/executeCommand", "params": {"command": "x"}}, -32602),
    ],
)
def test_every_request_gets_one_answer(message: dict[str, object], code: int) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.send(message)
        error = (await client.answer("a"))["error"]
        assert error["code"] == code
        assert "data" not in error

    session(scenario)


def test_before_initialize_and_after_shutdown() -> None:
    async def scenario() -> None:
        server = make_server(FakeRuntime("x").factory, Settings(warm_up=False))
        async with in_process(server) as client:
            client.open("too early")
            early = client.complete(0, 0)
            assert (await client.answer(early))["error"]["code"] == -32002
            await client.start()
            assert await client.result(client.ask("shutdown")) is None
            late = client.complete(0, 0)
            assert (await client.answer(late))["error"]["code"] == -32600
            client.notify("exit")
            client.finished = True

    play(scenario())


def test_messages_that_make_no_sense_end_nothing() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.send_bytes(b"Content-Length: 3\r\n\r\n{]}")
        assert (await client.answer(None))["error"]["code"] == -32700
        client.send_bytes(b"content-length:2\r\nContent-Type: x; charset=utf-8\r\n\r\n[]")
        assert (await client.answer(None))["error"]["code"] == -32600
        client.send({"method": "textDocument/didChange", "params": {"contentChanges": "secret"}})
        assert "secret" not in str(await client.take("window/logMessage"))
        client.send({"method": "$/whatever", "params": {}}, {"id": "unknown", "result": 1})
        client.open("a")
        assert len((await client.result(client.complete(0, 1)))["items"]) == 1

    session(scenario, "x")


def test_settings_with_mistakes() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        shown = await client.take("window/showMessage")
        assert shown["params"]["type"] == 2
        assert 'unknown setting "modle". Did you mean "model"?' in shown["params"]["message"]
        assert "keeping" in shown["params"]["message"]

    session(scenario, options={"fimbria": {"modle": "x", "maxTokens": "many"}})


def test_another_model_means_another_runtime() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        await client.result(client.complete(0, 1))
        for values in ({"maxTokens": 5}, {"maxTokens": 5, "model": "other"}, None):
            settings = {"fimbria": values}
            client.notify("workspace/didChangeConfiguration", {"settings": settings})
        await client.settle()
        await client.result(client.complete(0, 1))

    runtime = session(scenario, "x")
    assert [settings.model for settings in runtime.made_with] == ["starter", "other"]
    assert runtime.calls[-1].request.max_tokens == 5


def test_a_section_without_settings_takes_them_back() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        for values in ({"maxTokens": 5, "model": "other"}, {}):
            client.notify("workspace/didChangeConfiguration", {"settings": {"fimbria": values}})
        await client.settle()
        await client.result(client.complete(0, 1))

    runtime = session(scenario, "x", options={"fimbria": {"maxTokens": 9}})
    assert runtime.made_with[-1].model == "starter"
    assert runtime.calls[-1].request.max_tokens == 9


def test_the_configuration_of_other_servers_is_left_alone() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        for settings in ({"pylsp": {"plugins": {}}}, {"pylsp": {}, "fimbria": {"maxTokens": 5}}):
            client.notify("workspace/didChangeConfiguration", {"settings": settings})
        client.open("a")
        await client.result(client.complete(0, 1))

    runtime = session(scenario, "x")
    assert runtime.calls[0].request.max_tokens == 5


def test_later_settings_are_laid_over_those_of_the_start() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        settings = {"fimbria": {"maxTokens": 5}}
        client.notify("workspace/didChangeConfiguration", {"settings": settings})
        await client.result(client.complete(0, 1))

    runtime = session(scenario, "x", options={"model": "mine", "maxTokens": 9})
    assert [settings.model for settings in runtime.made_with] == ["mine"]
    assert runtime.calls[0].request.max_tokens == 5


def test_full_text_changes() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        params = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "b\n"}]}
        client.notify("textDocument/didChange", params)
        await client.result(client.complete(1, 0))

    assert session(scenario, "x").calls[0].request.prompt == "b\n"


def test_a_closed_file_has_nothing_to_complete() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("a")
        client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert await client.result(client.complete(0, 1)) == {"items": []}

    session(scenario, "x")


@pytest.mark.parametrize(
    "stream", [b"", b"Content-Length: 10\r\n\r\n{}", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_the_end_of_the_stream(stream: bytes) -> None:
    async def scenario() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(stream)
        reader.feed_eof()
        assert await read_message(reader) is None

    play(scenario())


def test_an_editor_that_just_goes_away() -> None:
    async def scenario() -> None:
        runtime = FakeRuntime("x")
        server = make_server(runtime.factory, Settings(warm_up=False))
        reader = asyncio.StreamReader()
        client = LspClient(reader.feed_data)
        serving = asyncio.create_task(serve(server, reader, client))
        await client.start()
        client.open("a")
        await client.result(client.complete(0, 1))
        reader.feed_eof()
        assert await serving == 1
        assert runtime.num_closed == 1

    play(scenario())


def test_exit_without_shutdown_is_a_failure() -> None:
    async def scenario() -> None:
        server = make_server(FakeRuntime("x").factory, Settings(warm_up=False))
        reader = asyncio.StreamReader()
        client = LspClient(reader.feed_data)
        serving = asyncio.create_task(serve(server, reader, client))
        client.notify("exit")
        assert await serving == 1

    play(scenario())


def test_json_is_sent_as_ascii() -> None:
    """Whatever the text holds, halves of surrogate pairs included, can be encoded."""

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.open("x = '")
        result = await client.result(client.complete(0, 5))
        assert result["items"][0]["insertText"] == "é\ud83d'"
        json.dumps(result)

    session(scenario, "é\ud83d'")
