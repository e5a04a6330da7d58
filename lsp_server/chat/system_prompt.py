"""The system prompt of chats: ours, or the user's `prompts/chat.md`."""

from __future__ import annotations

import logging

from lsp_server.actions.templates import load_template
from lsp_server.user_config import config_file

logger = logging.getLogger(__name__)


def system_prompt() -> str:
    """What holds for every conversation; read anew each time, so that changes take effect."""
    template, problem = load_template("chat", config_file().parent / "prompts")
    if problem:
        logger.info("%s", problem)  # the user has been told at the start
    return "\n\n".join(part for part in (template.system, template.user) if part)
