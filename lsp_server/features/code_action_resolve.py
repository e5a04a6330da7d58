"""`codeAction/resolve`: an action was chosen, now its edit is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.CODE_ACTION_RESOLVE


async def handle(ls: FimbriaServer, action: types.CodeAction) -> types.CodeAction:
    """Return the action with its edit, or as it is where there is none; the user has then been told
    why. Cancelling the request ends the engine's work.
    """
    from lsp_server.actions.delivering import edit_for

    if action.data is not None and action.edit is None:
        action.edit = await edit_for(ls, action.data)
    return action
