"""A hub on a local socket: the endpoints that downloading a model needs, and their ways to fail."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """Serves `files` as the model `name`.

    gated: refuse files to those without a token. cut_after: end the connection after so many bytes
    of the weights, once. weights_wait_for: sends no weights before it is set. requests: (method,
    path, Range header) of everything asked for.
    """

    name: str
    files: dict[str, bytes]
    gated: bool = False
    cut_after: int | None = None
    status: int | None = None
    weights_wait_for: threading.Event | None = None
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def ranges(self) -> list[str]:
        return [asked for _, _, asked in self.requests if asked]

    def etag(self, file: str) -> str:
        """Large files have their SHA-256, small ones a git hash."""
        content = self.files[file]
        if file.endswith(".safetensors"):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(content).hexdigest()

    def listing(self) -> dict[str, Any]:
        siblings = [{"rfilename": name, "size": len(body)} for name, body in self.files.items()]
        return {"id": self.name, "modelId": self.name, "sha": COMMIT, "siblings": siblings}


def model_files(folder: Path) -> dict[str, bytes]:
    """The files of a checkpoint folder, to be served."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve until the block ends; `hub.url` is its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, hub, with_body=True)

        def do_HEAD(self) -> None:
            _answer(self, hub, with_body=False)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, hub: FakeHub, *, with_body: bool) -> None:
    path = request.path.split("?")[0]
    hub.requests.append((request.command, path, request.headers.get("Range", "")))
    if hub.status is not None:
        _refuse(request, hub.status, "", with_body)
    elif path == f"/api/models/{hub.name}":
        _send(request, 200, json.dumps(hub.listing()).encode(), {}, with_body)
    elif hub.name not in path:
        _refuse(request, 401, "RepoNotFound", with_body)
    elif hub.gated and "authorization" not in request.headers:
        _refuse(request, 401, "GatedRepo", with_body)
    else:
        _send_file(request, hub, path.rpartition("/")[2], with_body)


def _send_file(request: BaseHTTPRequestHandler, hub: FakeHub, file: str, with_body: bool) -> None:
    if file not in hub.files:
        _refuse(request, 404, "EntryNotFound", with_body)
        return
    body = hub.files[file]
    if with_body and hub.weights_wait_for and file.endswith(".safetensors"):
        hub.weights_wait_for.wait()
    headers = {"ETag": f'"{hub.etag(file)}"', "X-Repo-Commit": COMMIT}
    asked = request.headers.get("Range")
    if not asked:
        _send(request, 200, body, headers, with_body, hub)
        return
    start = int(asked.removeprefix("bytes=").rstrip("-"))
    headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    _send(request, 206, body[start:], headers, with_body, hub)


def _send(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str],
    with_body: bool,
    hub: FakeHub | None = None,
) -> None:
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    if not with_body:
        return
    cut = hub.cut_after if hub and request.path.endswith(".safetensors") else None
    if hub is None or cut is None or len(body) <= cut:
        request.wfile.write(body)
        return
    hub.cut_after = None
    request.wfile.write(body[:cut])
    request.close_connection = True


def _refuse(request: BaseHTTPRequestHandler, status: int, code: str, with_body: bool) -> None:
    _send(request, status, b"{}", {"X-Error-Code": code} if code else {}, with_body)
