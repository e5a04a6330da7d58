"""Where the VS Code tests run, and what to do where they cannot."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.get_vscode import Tools, tools
from tests.editors.vscode_driver import Window, running


def vscode_tools() -> Tools:
    """Return the fetched tools. Skips where some are missing, or fails if they are required."""
    found = tools()
    missing = found.missing()
    if not missing:
        return found
    reason = f"VS Code tests need {', '.join(missing)}: run make test-editors"
    if os.environ.get("FIMBRIA_REQUIRE_EDITORS", "0") not in ("", "0"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def workbench(
    home: Path, server: list[str], environment: Mapping[str, str] | None = None
) -> AbstractContextManager[Window]:
    """A workbench whose extension starts `server`."""
    return running(vscode_tools(), home, {"fimbria.server.command": server}, environment)


@dataclass(frozen=True, slots=True)
class Stub:
    """A server that answers what and when the test says, and what it has seen.

    folder: of the files that it follows; vscode_stub_server.py tells which they are.
    """

    folder: Path

    @property
    def command(self) -> list[str]:
        server = Path(__file__).with_name("vscode_stub_server.py")
        return [sys.executable, str(server), str(self.folder)]

    def suggest(self, *texts: str) -> None:
        (self.folder / "answer").write_text("\n---\n".join(texts), encoding="utf-8")

    def hold(self, what: str = "hold") -> None:
        (self.folder / what).touch()

    def release(self, what: str = "hold") -> None:
        (self.folder / what).unlink()

    def forget(self) -> None:
        """Forget what was seen."""
        (self.folder / "seen").write_text("", encoding="utf-8")

    def seen(self, word: str) -> list[str]:
        lines = (self.folder / "seen").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.startswith(word)]


def new_stub(folder: Path) -> Stub:
    """Return a stub that has seen nothing and suggests nothing yet."""
    stub = Stub(folder)
    stub.suggest()
    stub.forget()
    return stub
