"""What editors and the server say to each other in a short use, written down for the fast tests."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lsp_server import __version__
from lsp_server.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
GOLDEN = CHECKOUT / "tests" / "golden" / "editors"
SETTINGS = Settings(warm_up=False, guess_ahead=False)
CODE = "import logging\n\nlogger = logging\n"
ANSWER = "getLogger(__name__)"
SAVED = "import logging\n\nlogger = logging.getLogger(__name__)\n"

Message = dict[str, Any]
_HOME = re.compile(r"(?:/[\w.+@-]+)+/project\b")


def recording(transcript: Path) -> list[str]:
    """The command of a server that writes down what is said."""
    module = "tests.editors.recording_server"
    return ["env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-m", module, str(transcript)]


def keep(name: str, transcript: Path) -> None:
    """Make a transcript the golden one of an editor, without what tells of this machine."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    lines = transcript.read_text(encoding="utf-8").splitlines()
    kept = "".join(f"{line[0]} {json.dumps(_plain(line), sort_keys=True)}\n" for line in lines)
    (GOLDEN / f"{name}.jsonl").write_text(kept, encoding="utf-8")


def read(name: str) -> Iterator[tuple[bool, Message]]:
    """The messages of a golden transcript, each with whether the editor has said it."""
    for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        yield line[0] == "→", json.loads(line[2:])


def normalised(message: object) -> str:
    """A message without this version's number."""
    text = json.dumps(message, sort_keys=True)
    return text.replace(f'"version": "{__version__}"', '"version": "VERSION"')


def _plain(line: str) -> Message:
    message = json.loads(normalised(json.loads(_HOME.sub("/project", line[2:]))))
    if message.get("method") == "initialize":
        message["params"]["processId"] = None
    assert isinstance(message, dict)
    return message
