"""`initialize`: what the editor can do and wants; pygls answers with our capabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.features import completion
from lsp_server.lean_types import types
from lsp_server.positions import PositionEncoding
from lsp_server.settings import initial_values

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.INITIALIZE


def handle(ls: FimbriaServer, params: types.InitializeParams) -> None:
    """Keep the position encoding that pygls has chosen, and the editor's settings."""
    ls.encoding = PositionEncoding(ls.workspace.position_encoding or "utf-16")
    ls.configure("initializationOptions", initial_values(params.initialization_options))
    ls.base_settings = ls.settings  # later settings are laid over these
    if completion.is_wanted(ls, params.capabilities):
        ls.menu_is_asked_for = completion.is_asked_for(params.client_info)
        completion.register(ls)
