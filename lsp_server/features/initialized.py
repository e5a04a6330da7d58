"""`initialized`: from here on the server may speak for itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsp_server.lean_types import types
from lsp_server.logs import log_to_editor
from lsp_server.user_config import config_file

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.INITIALIZED


def handle(ls: FimbriaServer, _params: types.InitializedParams) -> None:
    """Say what is wrong with the settings and have the model loaded."""
    ls.problems += _problems_of_prompts()
    ls.show_problems()
    ls.on_close(log_to_editor(ls))
    ls.in_background(ls.warm_up())
    if ls.settings.warm_up:
        ls.in_background(asyncio.to_thread(_import_what_is_needed_later))


def _problems_of_prompts() -> list[str]:
    folder = config_file().parent / "prompts"
    if not folder.is_dir():
        return []
    from lsp_server.actions.templates import template_problems

    return template_problems(folder)


def _import_what_is_needed_later() -> None:
    """The first list of code actions and the first choice of snippets come as fast as the next."""
    import pathspec  # noqa: F401
    import tree_sitter_language_pack  # noqa: F401
