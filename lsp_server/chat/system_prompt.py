"""The system prompt of chats."""

from __future__ import annotations

from pathlib import Path


def system_prompt() -> str:
    """What holds for every conversation."""
    return (Path(__file__).parent.parent / "prompts" / "chat.md").read_text(encoding="utf-8")
