"""Where the VS Code tests run, and what to do where they cannot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
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
