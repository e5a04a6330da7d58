"""Short uses of real editors, played to the server again: it says what it has said then.

The transcripts are made by tests/editors with --update-golden.
"""

from __future__ import annotations

import asyncio

import pytest

from lsp_server.language_server import FimbriaServer
from lsp_server.server import make_server
from lsp_server.transport import serve
from tests.editors.transcripts import ANSWER, GOLDEN, SETTINGS, Message, normalised, read
from tests.fakes import FakeRuntime
from tests.lsp.client import DEADLINE_S, LspClient, play

EDITORS = sorted(file.stem for file in GOLDEN.glob("*.jsonl"))


@pytest.mark.parametrize("editor", EDITORS)
def test_the_server_answers_as_it_did(editor: str) -> None:
    server = make_server(FakeRuntime(ANSWER).factory, SETTINGS)
    play(_replayed(server, editor))


def test_the_transcripts_are_of_whole_uses() -> None:
    assert EDITORS
    for editor in EDITORS:
        said = [message for by_editor, message in read(editor) if by_editor]
        assert said[0]["method"] == "initialize"
        suggestions = ("textDocument/inlineCompletion", "textDocument/completion")
        assert any(message.get("method") in suggestions for message in said), editor
        assert any(message.get("method") == "textDocument/didChange" for message in said), editor
        assert any(ANSWER in str(message) for by_editor, message in read(editor) if not by_editor)


async def _replayed(server: FimbriaServer, editor: str) -> None:
    reader = asyncio.StreamReader()
    client = LspClient(reader.feed_data)
    serving = asyncio.create_task(serve(server, reader, client))
    live_ids: dict[object, object] = {}
    try:
        for by_editor, message in read(editor):
            if not by_editor:
                await _expect(client, message, live_ids)
            elif "method" in message:
                client.send(message)
            else:
                client.send({**message, "id": live_ids.pop(message["id"])})
        reader.feed_eof()
        await asyncio.wait_for(serving, DEADLINE_S)
        client.assert_nothing_unread()
    finally:
        serving.cancel()


async def _expect(client: LspClient, message: Message, live_ids: dict[object, object]) -> None:
    """Wait for the same message of the server's; its requests have other ids each time."""
    if "method" not in message:
        answer = await client.answer(message["id"])
        assert normalised(answer) == normalised(message)
        return
    live = await client.take(message["method"])
    live_ids[message.get("id")] = live.get("id")
    assert normalised(live.get("params")) == normalised(message.get("params"))
