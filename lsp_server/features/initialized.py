"""`initialized`: from here on the server may speak for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.lean_types import types
from lsp_server.logs import log_to_editor

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.INITIALIZED


def handle(ls: FimbriaServer, _params: types.InitializedParams) -> None:
    """Say what is wrong with the settings and have the model loaded."""
    ls.show_problems()
    ls.on_close(log_to_editor(ls))
    ls.in_background(ls.warm_up())
