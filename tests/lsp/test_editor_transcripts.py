"""Short uses of real editors, played to the server again: it says what it has said then.

The transcripts are made by tests/editors with --update-golden.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping

import pytest

from lsp_server.language_server import FimbriaServer
from lsp_server.server import make_server
from lsp_server.transport import serve
from tests.editors.transcripts import (
    ANSWER,
    GOLDEN,
    SETTINGS,
    Message,
    is_made_up,
    normalised,
    read,
    runtime,
)
from tests.lsp.client import DEADLINE_S, LspClient, play

EDITORS = sorted(file.stem for file in GOLDEN.glob("*.jsonl"))


@pytest.mark.parametrize("editor", EDITORS)
def test_the_server_answers_as_it_did(editor: str) -> None:
    server = make_server(runtime(editor).factory, SETTINGS)
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
    live: dict[str, str] = {}
    try:
        for by_editor, message in read(editor):
            if by_editor:
                client.send(_with(message, live))
            elif not _is_progress_of_work(message):
                await _expect(client, message, live)
        reader.feed_eof()
        await asyncio.wait_for(serving, DEADLINE_S)
        client.unread = [each for each in client.unread if not _is_progress_of_work(each)]
        client.assert_nothing_unread()
    finally:
        serving.cancel()


def _is_progress_of_work(message: Message) -> bool:
    """How far work has come is told as often as there is time for it."""
    is_progress = message.get("method") == "$/progress"
    return is_progress and str(message["params"]["token"]).startswith("fimbria-work")


async def _expect(client: LspClient, message: Message, live: dict[str, str]) -> None:
    """Wait for the same message of the server's, and note what it has made up this time."""
    if "method" in message:
        now = await client.take(message["method"])
    else:
        now = await client.answer(message["id"])
    assert normalised(now) == normalised(message)
    live |= dict(_made_up(message, now))


def _made_up(then: object, now: object) -> Iterator[tuple[str, str]]:
    """What the server has made up, in a message of then and in the same one of now."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name, value in then.items():
            yield from _made_up(value, now[name])
    elif isinstance(then, str) and isinstance(now, str) and is_made_up(then):
        yield then, now


def _with(message: Message, live: Mapping[str, str]) -> Message:
    """What an editor says, about what the server has made up this time."""
    text = json.dumps(message)
    for then, now in live.items():
        text = text.replace(f'"{then}"', f'"{now}"')
    changed: Message = json.loads(text)
    return changed
