"""`codeAction/resolve`: an action was chosen, now its edit is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.features.code_action import APPLY, SHOW, resolved_properties
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.CODE_ACTION_RESOLVE


async def handle(ls: FimbriaServer, action: types.CodeAction) -> types.CodeAction:
    """Return the action with its edit, or as it is where there is none; the user has then been told
    why. Cancelling the request ends the engine's work.
    """
    from lsp_server.actions.delivering import edit_for, other_file, tell_where

    if action.data is None or action.edit is not None:
        return action
    action.edit = await edit_for(ls, action.data)
    other = other_file(action.edit, action.data) if action.edit is not None else ""
    if other and "command" in resolved_properties(ls):  # editors run it after the edit
        action.command = types.Command("Show the file", APPLY, arguments=[{SHOW: other}])
    elif other:
        tell_where(ls, other)
    return action
