"""What the server asks of the editor. The wait for an answer can be cancelled, the answer itself
cannot: pygls takes no late ones, so it is waited for in any case.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pygls.exceptions import JsonRpcException

from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

logger = logging.getLogger(__name__)


async def apply_edit(ls: FimbriaServer, edit: types.WorkspaceEdit) -> str:
    """Have the editor apply an edit; returns what went wrong as a sentence, or nothing."""
    params = types.ApplyWorkspaceEditParams(edit=edit, label="Fimbria")
    asking = asyncio.ensure_future(ls.workspace_apply_edit_async(params))
    try:
        result = await asyncio.shield(asking)
    except JsonRpcException as error:
        logger.info("The editor does not apply edits: %s", type(error).__name__)
        return "The editor could not apply the edit."
    if result.applied:
        return ""
    reason = f": {result.failure_reason}" if result.failure_reason else ""
    return f"The editor did not apply the edit{reason}."


async def show_document(ls: FimbriaServer, uri: str) -> bool:
    """Have the editor open a document beside what the user works on; whether it has."""
    window = ls.client_capabilities.window
    if window is None or window.show_document is None or not window.show_document.support:
        return False
    params = types.ShowDocumentParams(uri=uri, take_focus=False)
    asking = asyncio.ensure_future(ls.window_show_document_async(params))
    try:
        return (await asyncio.shield(asking)).success
    except JsonRpcException as error:
        logger.info("The editor opens no document: %s", type(error).__name__)
        return False
