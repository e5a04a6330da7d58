"""Writes the server's settings into package.json, as VS Code's contribution points.

    python editors/vscode/scripts/contribute_settings.py

A test holds package.json equal to what this writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lsp_server.settings_schema import settings_schema

PACKAGE = Path(__file__).resolve().parents[1] / "package.json"
TITLE = "Server"
WITHOUT = ("chatApiKey",)
"""Not for a file that VS Code synchronises between machines: $FIMBRIA_CHAT_API_KEY holds it."""
OF_WORKSPACES = ("maxTokens", "chatMaxTokens", "guessAhead")
"""What a workspace may set: nothing that runs, loads or sends something."""


def contributed_settings() -> dict[str, Any]:
    """Return the properties of the configuration section, by full name."""
    return {
        f"fimbria.{name}": {
            **schema,
            "scope": "window" if name in OF_WORKSPACES else "machine",
            "order": order,
        }
        for order, (name, schema) in enumerate(settings_schema().items())
        if name not in WITHOUT
    }


def with_settings(package: dict[str, Any]) -> dict[str, Any]:
    """Return package.json's content with the server's section made anew."""
    sections = package["contributes"]["configuration"]
    ours = [
        {**section, "properties": contributed_settings()} if section["title"] == TITLE else section
        for section in sections
    ]
    return {**package, "contributes": {**package["contributes"], "configuration": ours}}


def written(package: dict[str, Any]) -> str:
    """Return package.json as npm formats it."""
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    package = json.loads(PACKAGE.read_text(encoding="utf-8"))
    PACKAGE.write_text(written(with_settings(package)), encoding="utf-8")
