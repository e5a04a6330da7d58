"""What editors and the server say to each other in a short use, written down for the fast tests."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsp_server import __version__
from lsp_server.settings import Settings
from model_runtime.api import (
    Candidate,
    Capability,
    ChatRequest,
    Chunk,
    Event,
    Finished,
    FinishReason,
    Request,
    Timings,
    Usage,
)
from tests.fakes import MODEL, FakeRuntime

CHECKOUT = Path(__file__).resolve().parents[2]
GOLDEN = CHECKOUT / "tests" / "golden" / "editors"
SETTINGS = Settings(warm_up=False, guess_ahead=False)
CODE = "import logging\n\nlogger = logging\n"
ANSWER = "getLogger(__name__)"
OTHER_ANSWER = "getLogger()"
CHAT_ANSWER = "Shorter:\n\n```python\ndef half(n):\n    return n / 2\n```\n"
SAVED = "import logging\n\nlogger = logging.getLogger(__name__)\n"

Message = dict[str, Any]
_UUID = "-".join(f"[0-9a-f]{{{length}}}" for length in (8, 4, 4, 4, 12))
_MADE_UP = re.compile(rf"\b(?:{_UUID}|[0-9a-f]{{16}}|fimbria-work-[0-9a-f]+)\b")
_HOME = re.compile(r"(?:/[\w.+@-]+)+/project\b")


class Talkative(FakeRuntime):
    """Always says the same: to questions, where there is to be code, and as the other candidate."""

    def __init__(self) -> None:
        super().__init__(ANSWER)
        self.model = replace(MODEL, capabilities=MODEL.capabilities | {Capability.CHAT})

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        is_chat = isinstance(request, ChatRequest)
        texts = [CHAT_ANSWER] if is_chat else [ANSWER, OTHER_ANSWER][: request.num_candidates]
        for index, text in enumerate(texts):
            yield Chunk(text, index, (-0.1,))
        ends = tuple(Candidate(FinishReason.STOP, -0.1) for _ in texts)
        yield Finished(FinishReason.STOP, Usage(8, 0, 4), Timings(0.0, 1.0, 2.0), ends)


def runtime(editor: str) -> FakeRuntime:
    """What an editor's transcript is, or is to be, made with."""
    return Talkative() if editor == "neovim" else FakeRuntime(ANSWER)


def recording(transcript: Path, editor: str = "") -> list[str]:
    """The command of a server that writes down what is said."""
    module = "tests.editors.recording_server"
    command = ["env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-m", module, str(transcript)]
    return [*command, *([editor] if editor else [])]


def keep(name: str, transcript: Path) -> None:
    """Make a transcript the golden one of an editor, without what tells of this machine."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    lines = transcript.read_text(encoding="utf-8").splitlines()
    kept = "".join(f"{line[0]} {json.dumps(_plain(line), sort_keys=True)}\n" for line in lines)
    (GOLDEN / f"{name}.jsonl").write_text(kept, encoding="utf-8")


def said_by_editor(transcript: Path) -> list[Message]:
    """What an editor has said in a transcript of now, without what tells of this machine."""
    lines = transcript.read_text(encoding="utf-8").splitlines()
    return [_plain(line) for line in lines if line[0] == "→"]


def read(name: str) -> Iterator[tuple[bool, Message]]:
    """The messages of a golden transcript, each with whether the editor has said it."""
    for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        yield line[0] == "→", json.loads(line[2:])


def normalised(message: object) -> str:
    """A message without this version's number, and without what is made up anew each time."""
    return _MADE_UP.sub("MADE-UP", _without_version(message))


def is_made_up(value: str) -> bool:
    """Whether it is the id of a request, a conversation, a question or some work."""
    return _MADE_UP.fullmatch(value) is not None


def _without_version(message: object) -> str:
    text = json.dumps(message, sort_keys=True)
    return text.replace(f'"version": "{__version__}"', '"version": "VERSION"')


def _plain(line: str) -> Message:
    message = json.loads(_without_version(json.loads(_HOME.sub("/project", line[2:]))))
    if message.get("method") == "initialize":
        message["params"]["processId"] = None
    assert isinstance(message, dict)
    return message
