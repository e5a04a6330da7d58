"""The real language server with a model that always says the same, for an editor; what both say is
written down: `python -m tests.editors.recording_server TRANSCRIPT [EDITOR …]`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

from lsp_server.protocol import FimbriaProtocol
from lsp_server.server import make_server
from lsp_server.transport import serve_stdio
from tests.editors.transcripts import SETTINGS, runtime


def main(transcript: Path, editor: str = "") -> int:
    """Serve the editor until it goes away."""
    server = make_server(runtime(editor).factory, SETTINGS)
    with transcript.open("w", encoding="utf-8", buffering=1) as file:

        def note(who: str, message: object) -> None:
            file.write(f"{who} {json.dumps(message)}\n")

        _overhear(server.protocol, note)
        return asyncio.run(serve_stdio(server))


def _overhear(protocol: FimbriaProtocol, note: Callable[[str, object], None]) -> None:
    receive, set_writer = protocol.receive, protocol.set_writer

    def heard(body: bytes) -> None:
        note("→", json.loads(body))
        receive(body)

    class Overheard:
        def __init__(self, writer: object) -> None:
            self._writer = writer

        def write(self, data: bytes) -> None:
            note("←", json.loads(data.partition(b"\r\n\r\n")[2]))
            self._writer.write(data)  # type: ignore[attr-defined]

        def close(self) -> None:
            self._writer.close()  # type: ignore[attr-defined]

    protocol.receive = heard  # type: ignore[method-assign]
    protocol.set_writer = lambda writer: set_writer(Overheard(writer))  # type: ignore[method-assign,assignment,misc]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:3]))
