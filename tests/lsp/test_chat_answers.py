"""Answers as documents, for editors without a chat view."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from lsp_server.answer_document import show_answer, show_streamed_answer
from lsp_server.language_server import FimbriaServer
from lsp_server.server import make_server
from model_runtime.api import RuntimeUnavailable
from tests.fakes import FakeRuntime
from tests.lsp.client import LspClient, Message, in_process, play
from tests.lsp.sessions import ONLY_WHEN_ASKED

SHOWS = {"window": {"showDocument": {"support": True}, "workDoneProgress": True}}
Scenario = Callable[[LspClient, FimbriaServer], Awaitable[None]]


def editor(scenario: Scenario, capabilities: dict[str, object] | None = None) -> None:
    async def whole() -> None:
        server = make_server(FakeRuntime().factory, ONLY_WHEN_ASKED)
        async with in_process(server) as client:
            await client.start(capabilities=SHOWS if capabilities is None else capabilities)
            await scenario(client, server)

    play(whole())


async def shown(client: LspClient) -> Path:
    """Let the editor open the document that it is asked to."""
    request = await client.take("window/showDocument")
    client.send({"id": request["id"], "result": {"success": True}})
    return Path(unquote(urlsplit(request["params"]["uri"]).path))


def test_an_answer_is_opened_as_markdown_that_only_the_user_can_read() -> None:
    files: list[Path] = []

    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        showing = asyncio.create_task(show_answer(server, "Explain f(x)", "It **adds**.\n"))
        file = await shown(client)
        await showing
        files.append(file)
        assert file.suffix == ".md"
        assert file.read_text() == "# Explain f(x)\n\nIt **adds**.\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    editor(scenario)
    assert not files[0].parent.exists(), "it ends with the session"


def test_each_answer_has_a_file_of_its_own() -> None:
    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        showing = [asyncio.create_task(show_answer(server, "/../ü", "a")) for _ in range(2)]
        files = {await shown(client) for _ in showing}
        await asyncio.gather(*showing)
        assert len(files) == 2
        assert len({file.parent for file in files}) == 1

    editor(scenario)


@pytest.mark.parametrize("length", [10, 10_000])
def test_an_editor_that_opens_no_documents_shows_a_message(length: int) -> None:
    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        await show_answer(server, "Explain", "x" * length)
        message = (await client.take("window/showMessage"))["params"]["message"]
        assert message.startswith("xxxxxxxxxx")
        assert len(message) < 3000
        assert ("whole answer is in" in message) == (length > 3000)

    editor(scenario, {})


@pytest.mark.parametrize(
    "reply",
    [
        {"result": {"success": False}},
        {"error": {"code": -32603, "message": "no window"}},
    ],
)
def test_an_editor_that_cannot_open_it_now_shows_a_message(reply: Message) -> None:
    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        showing = asyncio.create_task(show_answer(server, "Explain", "It adds."))
        request = await client.take("window/showDocument")
        client.send({"id": request["id"], **reply})
        await showing
        assert (await client.take("window/showMessage"))["params"]["message"] == "It adds."

    editor(scenario)


class Pieces:
    """An answer that comes when the test wants."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.closed = False

    async def stream(self) -> AsyncGenerator[str, None]:
        try:
            while (piece := await self.queue.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


async def begun(client: LspClient) -> str:
    """Let the editor open a progress display; returns its token."""
    request = await client.take("window/workDoneProgress/create")
    client.send({"id": request["id"], "result": None})
    begin = await client.take("$/progress")
    assert begin["params"]["value"]["kind"] == "begin"
    assert begin["params"]["value"]["cancellable"] is True
    return str(begin["params"]["token"])


def test_the_last_words_are_shown_while_it_is_made() -> None:
    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        pieces = Pieces()
        showing = asyncio.create_task(show_streamed_answer(server, "Explain", pieces.stream()))
        await begun(client)
        for word in ("It ", "adds.\n" + "word " * 30):
            pieces.queue.put_nowait(word)
            report = (await client.take("$/progress"))["params"]["value"]
            assert report["kind"] == "report"
            assert len(report["message"]) <= 61
        pieces.queue.put_nowait(None)
        file = await shown(client)
        assert await showing == file.read_text().removeprefix("# Explain\n\n")[:-1] + " "
        assert (await client.take("$/progress"))["params"]["value"]["kind"] == "end"

    editor(scenario)


@pytest.mark.parametrize("said", ["", "It adds"])
def test_stopping_it_shows_what_there_is(said: str) -> None:
    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        pieces = Pieces()
        showing = asyncio.create_task(show_streamed_answer(server, "Explain", pieces.stream()))
        token = await begun(client)
        if said:
            pieces.queue.put_nowait(said)
            await client.take("$/progress")
        client.notify("window/workDoneProgress/cancel", {"token": token})
        if said:
            assert "It adds" in (await shown(client)).read_text()
        assert await showing == said
        assert pieces.closed, "or the engine would go on"
        assert (await client.take("$/progress"))["params"]["value"]["kind"] == "end"

    editor(scenario)


def test_a_cancelled_request_shows_nothing() -> None:
    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        pieces = Pieces()
        showing = asyncio.create_task(show_streamed_answer(server, "Explain", pieces.stream()))
        await begun(client)
        pieces.queue.put_nowait("It adds")
        await client.take("$/progress")
        showing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await showing
        assert pieces.closed
        assert (await client.take("$/progress"))["params"]["value"]["kind"] == "end"

    editor(scenario)


def test_a_failure_is_the_caller_s() -> None:
    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        pieces = Pieces()
        showing = asyncio.create_task(show_streamed_answer(server, "Explain", pieces.stream()))
        await begun(client)
        pieces.queue.put_nowait(RuntimeUnavailable("The daemon has ended."))
        with pytest.raises(RuntimeUnavailable):
            await showing
        assert (await client.take("$/progress"))["params"]["value"]["kind"] == "end"

    editor(scenario)


def test_an_editor_without_progress_gets_the_document() -> None:
    async def scenario(client: LspClient, server: FimbriaServer) -> None:
        pieces = Pieces()
        for piece in ("It ", "adds.", None):
            pieces.queue.put_nowait(piece)
        await show_streamed_answer(server, "Explain", pieces.stream())
        assert (await client.take("window/showMessage"))["params"]["message"] == "It adds."

    editor(scenario, {})
