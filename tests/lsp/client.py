"""A small client of the Language Server Protocol that sees every byte and forgets no message."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsp_server.language_server import FimbriaServer
from lsp_server.transport import serve

DEADLINE_S = 50.0
"""Only reached when something hangs."""

Message = dict[str, Any]
URI = "file:///project/example.py"


def encode(message: Message) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


class LspClient:
    """Speaks for an editor. Whatever the server says of its own accord must be taken by the test:
    `finish` fails on what is left.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._buffer = b""
        self._last_id = 0
        self._responses: dict[object, Message] = {}
        self._answered: set[object] = set()
        self._changed = asyncio.Event()
        self.unread: list[Message] = []
        self.transcript: list[tuple[str, Message]] = []
        self.capabilities: Message = {}
        self.finished = False

    # What goes to the server

    def send(self, *messages: Message) -> None:
        """Send messages in one write."""
        self.transcript += (("→", message) for message in messages)
        self.send_bytes(b"".join(map(encode, messages)))

    def send_bytes(self, sent: bytes) -> None:
        self._send(sent)

    def ask(self, method: str, params: object = None) -> int:
        """Send a request and return its id."""
        message = self.asking(method, params)
        self.send(message)
        return int(message["id"])

    def asking(self, method: str, params: object = None) -> Message:
        """Return a request with a new id, to be sent later."""
        self._last_id += 1
        return {"id": self._last_id, "method": method, "params": params}

    def notify(self, method: str, params: object = None) -> None:
        self.send({"method": method, "params": params})

    # What comes from the server

    def write(self, data: bytes) -> None:
        """Take what a server in this process writes."""
        self.feed(data)

    def close(self) -> None:
        """Let go, as pygls asks of a writer; there is nothing to do."""

    def feed(self, chunk: bytes) -> None:
        self._buffer += chunk
        while match := re.match(rb"Content-Length: (\d+)\r\n(?:.+\r\n)*\r\n", self._buffer):
            end = match.end() + int(match.group(1))
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[match.end() : end], self._buffer[end:]
            self._receive(json.loads(body))

    def _receive(self, message: Message) -> None:
        self.transcript.append(("←", message))
        if "method" in message:
            self.unread.append(message)
        else:
            assert message["id"] not in self._answered, f"a second answer: {message}"
            if message["id"] is not None:
                self._answered.add(message["id"])
            self._responses[message["id"]] = message
        self._changed.set()

    async def answer(self, request_id: object) -> Message:
        """Wait for the response to a request."""
        await self._until(lambda: request_id in self._responses)
        return self._responses.pop(request_id)

    async def result(self, request_id: object) -> Any:
        answer = await self.answer(request_id)
        assert "error" not in answer, answer
        return answer["result"]

    async def take(self, method: str) -> Message:
        """Wait for the next request or notification of the server with this method."""
        await self._until(lambda: any(message["method"] == method for message in self.unread))
        message = next(message for message in self.unread if message["method"] == method)
        self.unread.remove(message)
        return message

    def is_answered(self, request_id: object) -> bool:
        return request_id in self._answered

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    # Conversations

    async def start(
        self,
        encoding: str = "utf-16",
        options: object = None,
        capabilities: Mapping[str, object] | None = None,
        *,
        root: Path | None = None,
        client_name: str | None = None,
    ) -> Message:
        params: Message = {
            "processId": None,
            "rootUri": None if root is None else root.as_uri(),
            "capabilities": {
                "general": {"positionEncodings": [encoding]},
                "textDocument": {"inlineCompletion": {}},
                **(capabilities or {}),
            },
        }
        if client_name is not None:
            params["clientInfo"] = {"name": client_name}
        if options is not None:
            params["initializationOptions"] = options
        result = await self.result(self.ask("initialize", params))
        self.capabilities = result["capabilities"]
        self.notify("initialized", {})
        return dict(result)

    def open(
        self, text: str, uri: str = URI, version: int = 1, *, language: str = "python"
    ) -> None:
        document = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def complete(self, line: int, character: int, uri: str = URI) -> int:
        request = self.completing(line, character, uri)
        self.send(request)
        return int(request["id"])

    def completing(
        self, line: int, character: int, uri: str = URI, *, automatic: bool = True
    ) -> Message:
        params = {
            "textDocument": {"uri": uri},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 2 if automatic else 1},
        }
        return self.asking("textDocument/inlineCompletion", params)

    async def settle(self) -> None:
        """Wait until the server has handled everything sent so far."""
        await self.answer(self.ask("fimbria/nothing"))

    async def finish(self) -> None:
        """Shut the server down; fail if it has said something that no test has looked at."""
        if self.finished:
            return
        self.finished = True
        assert await self.result(self.ask("shutdown")) is None
        self.notify("exit")

    def assert_nothing_unread(self) -> None:
        assert self.unread == []
        assert self._responses == {}


def changing(text: str, line: int, character: int, version: int, uri: str = URI) -> Message:
    """The notification that inserts `text`."""
    at = {"line": line, "character": character}
    params = {
        "textDocument": {"uri": uri, "version": version},
        "contentChanges": [{"range": {"start": at, "end": at}, "text": text}],
    }
    return {"method": "textDocument/didChange", "params": params}


def replacing(start: int, end: int, text: str, version: int, line: int = 0) -> Message:
    """The notification that puts `text` in the place of a part of a line."""
    span = {name: {"line": line, "character": at} for name, at in [("start", start), ("end", end)]}
    params = {
        "textDocument": {"uri": URI, "version": version},
        "contentChanges": [{"range": span, "text": text}],
    }
    return {"method": "textDocument/didChange", "params": params}


def cancelling(request_id: object) -> Message:
    return {"method": "$/cancelRequest", "params": {"id": request_id}}


@asynccontextmanager
async def in_process(server: FimbriaServer) -> AsyncIterator[LspClient]:
    """A client of a server in this process and event loop."""
    reader = asyncio.StreamReader()
    client = LspClient(reader.feed_data)

    serving = asyncio.create_task(serve(server, reader, client))
    try:
        yield client
        await client.finish()
        assert await asyncio.wait_for(serving, DEADLINE_S) == 0
        client.assert_nothing_unread()
    finally:
        serving.cancel()


@asynccontextmanager
async def in_subprocess(
    *command: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[LspClient]:
    """A client of a server that it starts and ends."""
    process = await asyncio.create_subprocess_exec(
        *(command or (sys.executable, "-m", "lsp_server", "lsp")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    client = LspClient(process.stdin.write)
    reading = asyncio.create_task(_read(process.stdout, client))
    try:
        yield client
        await client.finish()
        assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0
        await reading
        client.assert_nothing_unread()
    finally:
        reading.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _read(stream: asyncio.StreamReader, client: LspClient) -> None:
    while chunk := await stream.read(1 << 16):
        client.feed(chunk)


def play(scenario: Awaitable[None]) -> None:
    """Run one test's scenario to its end."""

    async def bounded() -> None:
        async with asyncio.timeout(2 * DEADLINE_S):
            await scenario

    asyncio.run(bounded())
