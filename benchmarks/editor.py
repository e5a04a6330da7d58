"""An editor without a screen: drives a real `fimbria lsp` over its standard input and output."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.traces import Step, Transaction
from lsp_server.positions import PositionEncoding, to_position
from lsp_server.source_text import SourceText

# Code points, as the traces count; which encoding is used makes no difference to what is measured.
_ENCODING = PositionEncoding.UTF32
_INVOKED, _AUTOMATIC = 1, 2


class ServerEnded(Exception):
    """The language server is gone."""


class Editor:
    """One server process and one open file; a context manager."""

    def __init__(self, flags: Sequence[str], environment: Mapping[str, str], log: BinaryIO) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lsp_server", "lsp", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(environment),
        )
        self._num_requests = 0
        self._version = 0
        self._uri = ""
        self._initialize()

    def __enter__(self) -> Editor:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._request("shutdown", None)
            self._write(self._notification("exit", None))
        except (ServerEnded, OSError):
            self._process.kill()
        self._process.communicate()

    def open(self, file: Path, text: str) -> None:
        """Open a file with this text."""
        self._uri, self._version = file.as_uri(), 0
        # A model may have nothing to say in other languages, and what it says is timed here.
        document = {"uri": self._uri, "languageId": "python", "version": 0, "text": text}
        self._write(self._notification("textDocument/didOpen", {"textDocument": document}))

    def change(self, step: Step) -> None:
        """Make a change that nothing is asked about."""
        self._write(self._did_change(step))

    def type(self, step: Step, cursor: int) -> float:
        """Type a character and wait for the ghost text; return how many milliseconds that took."""
        change = self._did_change(step)
        number, question = self._question(step.after, cursor, _AUTOMATIC)
        began = time.perf_counter()
        self._write(change + question)
        self._response(number)
        return 1000 * (time.perf_counter() - began)

    def ask(self, text: SourceText, cursor: int) -> None:
        """Wait for the ghost text at a place."""
        number, question = self._question(text, cursor, _INVOKED)
        self._write(question)
        self._response(number)

    def _initialize(self) -> None:
        capabilities = {
            "general": {"positionEncodings": [_ENCODING.value]},
            "textDocument": {"inlineCompletion": {}},
        }
        answer = self._request(
            "initialize", {"processId": None, "rootUri": None, "capabilities": capabilities}
        )
        encoding = answer["capabilities"].get("positionEncoding")
        if encoding != _ENCODING:
            raise ServerEnded(f"the server took position encoding {encoding}")
        self._write(self._notification("initialized", {}))

    def _did_change(self, step: Step) -> bytes:
        self._version += 1
        return self._notification(
            "textDocument/didChange",
            {
                "textDocument": {"uri": self._uri, "version": self._version},
                "contentChanges": content_changes(step.before, step.transaction),
            },
        )

    def _question(self, text: SourceText, cursor: int, trigger: int) -> tuple[int, bytes]:
        params = {
            "textDocument": {"uri": self._uri},
            "position": _position(text, cursor),
            "context": {"triggerKind": trigger},
        }
        return self._numbered("textDocument/inlineCompletion", params)

    def _request(self, method: str, params: object) -> Any:
        number, message = self._numbered(method, params)
        self._write(message)
        return self._response(number)

    def _numbered(self, method: str, params: object) -> tuple[int, bytes]:
        self._num_requests += 1
        message = {"id": self._num_requests, "method": method, "params": params}
        return self._num_requests, _encode(message)

    def _notification(self, method: str, params: object) -> bytes:
        return _encode({"method": method, "params": params})

    def _response(self, number: int) -> Any:
        """Read messages until the answer to a request; answer the server's own questions."""
        while True:
            message = self._read()
            if "method" in message:
                if "id" in message:
                    self._write(_encode({"id": message["id"], "result": None}))
            elif message["id"] == number:
                if "error" in message:
                    raise ServerEnded(f"the server answered {message['error']}")
                return message["result"]

    def _write(self, messages: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(messages)
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) != b"\r\n":
            if not line:
                raise ServerEnded("the language server has ended")
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


def _encode(message: dict[str, object]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def content_changes(before: SourceText, transaction: Transaction) -> list[dict[str, object]]:
    """The patches as the protocol has them: each refers to what the ones before it left."""
    changes: list[dict[str, object]] = []
    text = before
    for position, num_deleted, inserted in transaction:
        end = position + num_deleted
        span = {"start": _position(text, position), "end": _position(text, end)}
        changes.append({"range": span, "text": inserted})
        text = text.replaced(position, end, inserted)
    return changes


def _position(text: SourceText, offset: int) -> dict[str, int]:
    line, character = to_position(text, offset, _ENCODING)
    return {"line": line, "character": character}
