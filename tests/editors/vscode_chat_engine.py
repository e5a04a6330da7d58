"""An engine elsewhere, as `chat_endpoint` names one, that says what the test has it say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class ChatEngine:
    """answer: what it says next. hold: it stops after the first line and waits to be hung up on.
    is_broken: it answers with an error.

    asked: the messages of each request, as one text. hung_up: set when a client has gone away.
    """

    url: str = ""
    answer: str = ""
    hold: bool = False
    is_broken: bool = False
    asked: list[str] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)


@contextmanager
def chat_engine() -> Iterator[ChatEngine]:
    """Run an engine on a free port."""
    engine = ChatEngine()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(engine))
    server.daemon_threads = True
    engine.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def handler_for(engine: ChatEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.begin("application/json")
            self.wfile.write(json.dumps({"object": "list", "data": [{"id": "told"}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            engine.asked.append("\n".join(str(one["content"]) for one in body["messages"]))
            if engine.is_broken:
                self.send_error(500, "out of order")
                return
            if not body.get("stream"):
                self.begin("application/json")
                message = {"role": "assistant", "content": engine.answer}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                self.wfile.write(json.dumps({"choices": [choice]}).encode())
                return
            self.begin("text/event-stream")
            lines = engine.answer.splitlines(keepends=True)
            for line in lines[:1] if engine.hold else lines:
                self.tell({"delta": {"content": line}, "finish_reason": None})
            if engine.hold:
                self.rfile.read(1)  # nothing more comes until the client hangs up
                engine.hung_up.set()
                return
            self.tell({"delta": {}, "finish_reason": "stop"})
            self.wfile.write(b"data: [DONE]\n\n")

        def begin(self, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()

        def tell(self, choice: dict[str, Any]) -> None:
            event = json.dumps({"choices": [{"index": 0, **choice}]})
            self.wfile.write(f"data: {event}\n\n".encode())
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
