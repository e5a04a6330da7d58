"""A whole chat, message by message, as it is written down in tests/golden for client writers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lsp_server import __version__
from lsp_server.server import make_server
from model_runtime.api import RuntimeUnavailable
from tests.fakes import FakeRuntime
from tests.lsp.chatting import CHATTING_MODEL, ONLY_WHEN_ASKED, ask, range_json
from tests.lsp.client import URI, LspClient, Message, cancelling, in_process, play

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "chat.jsonl"
TEXT = "def half(n):\n    return n // 3\n"
ANSWER = "It divides by 3:\n\n```python\ndef half(n):\n    return n / 2\n```\n"
CAPABILITIES = {"workspace": {"workspaceEdit": {"documentChanges": True}}}


def test_the_transcript_is_the_golden_one(update_golden: bool) -> None:
    transcript = normalised("".join(f"{who} {line(message)}\n" for who, message in recorded()))
    if update_golden:
        GOLDEN.write_text(transcript, encoding="utf-8")
    if transcript != GOLDEN.read_text(encoding="utf-8"):
        pytest.fail(f"the session is not that of {GOLDEN}; see it with pytest --update-golden")


def recorded() -> list[tuple[str, Message]]:
    transcripts: list[list[tuple[str, Message]]] = []

    async def scenario() -> None:
        runtime = FakeRuntime()
        runtime.model = CHATTING_MODEL
        runtime.piece_len = 24
        server = make_server(runtime.factory, ONLY_WHEN_ASKED)
        async with in_process(server) as client:
            await client.start("utf-8", capabilities=CAPABILITIES)
            await converse(client, runtime)
            client.unread = [each for each in client.unread if each["method"] != "$/progress"]
        transcripts.append(client.transcript)

    play(scenario())
    return transcripts[0]


async def converse(client: LspClient, runtime: FakeRuntime) -> None:
    client.open(TEXT)
    diagnostic = {
        "range": range_json((1, 11), (1, 17)),
        "severity": 2,
        "source": "tests",
        "message": "half(4) is 1",
    }
    asked = ask(client, "Why?", references=[{"uri": URI, "diagnostic": diagnostic}])
    (await runtime.next_call()).answer(ANSWER)
    result = await client.result(asked)
    conversation = {"conversation": result["conversation"]}
    block = {
        **conversation,
        "message": result["answer"]["id"],
        "block": 0,
        "textDocument": {"uri": URI, "version": 1},
        "mode": "diff",
    }
    await client.result(client.ask("fimbria/chat/applyBlock", block))

    cancelled = ask(client, "Is that all?", result["conversation"])
    await runtime.next_call()
    client.send(cancelling(cancelled))
    await client.answer(cancelled)

    failing = ask(client, "And now?", result["conversation"])
    (await runtime.next_call()).fail(RuntimeUnavailable("The daemon has ended.", "Ask again."))
    await client.answer(failing)

    renaming = {**conversation, "title": "Halves"}
    for method, params in [
        ("status", {}),
        ("rename", renaming),
        ("list", {"limit": 10}),
        ("get", conversation),
        ("delete", conversation),
        ("get", conversation),
    ]:
        await client.answer(client.ask(f"fimbria/chat/{method}", params))


def line(message: Message) -> str:
    return json.dumps(message, ensure_ascii=False, sort_keys=True)


def normalised(text: str) -> str:
    """Ids by their order, no times."""
    ids: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        return ids.setdefault(match.group(), f'"ID-{len(ids) + 1}"')

    text = re.sub(r'"[0-9a-f]{16}"', name, text)
    text = re.sub(r'"(asked|updated)": [\d.]+', r'"\1": 1700000000.0', text)
    return text.replace(f'"version": "{__version__}"', '"version": "VERSION"')
