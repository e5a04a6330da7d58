"""A whole session, message by message, as it is written down in tests/golden."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lsp_server import __version__
from lsp_server.server import make_server
from tests.fakes import FakeRuntime
from tests.lsp.client import LspClient, Message, cancelling, changing, in_process, play
from tests.lsp.sessions import ONLY_WHEN_ASKED

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "inline_completion.jsonl"


def test_the_transcript_is_the_golden_one(update_golden: bool) -> None:
    transcript = "".join(f"{who} {normalised(message)}\n" for who, message in recorded())
    if update_golden:
        GOLDEN.write_text(transcript, encoding="utf-8")
    if transcript != GOLDEN.read_text(encoding="utf-8"):
        pytest.fail(f"the session is not that of {GOLDEN}; see it with pytest --update-golden")


def recorded() -> list[tuple[str, Message]]:
    transcripts: list[list[tuple[str, Message]]] = []

    async def scenario() -> None:
        runtime = FakeRuntime()
        server = make_server(runtime.factory, ONLY_WHEN_ASKED)
        async with in_process(server) as client:
            await client.start("utf-8", {"fimbria": {"maxTokens": 24}})
            await converse(client, runtime)
        transcripts.append(client.transcript)

    play(scenario())
    return transcripts[0]


async def converse(client: LspClient, runtime: FakeRuntime) -> None:
    client.open("def add(a, b):\r\n\t😋 = \r\n")
    shown = client.complete(1, 8)
    (await runtime.next_call()).answer("a + b\n\treturn 😋\nadd(1, 2)")
    await client.result(shown)

    client.send(changing("a", 1, 8, version=2))
    typed_along = client.complete(1, 9)
    await client.result(typed_along)

    client.send(changing("b", 1, 9, version=3))
    superseded = client.complete(1, 10)
    await runtime.next_call()
    client.send(changing("c", 1, 10, version=4))
    await client.result(superseded)

    cancelled = client.complete(1, 11)
    await runtime.next_call()
    client.send(cancelling(cancelled))
    await client.answer(cancelled)

    nothing = client.complete(1, 11)
    (await runtime.next_call()).answer("")
    await client.result(nothing)
    client.notify("textDocument/didClose", {"textDocument": {"uri": "file:///project/example.py"}})


def normalised(message: Message) -> str:
    text = json.dumps(message, ensure_ascii=False, sort_keys=True)
    return text.replace(f'"version": "{__version__}"', '"version": "VERSION"')
