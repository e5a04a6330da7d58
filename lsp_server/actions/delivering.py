"""From an action's data to an edit in the editor, and every way to fail to one clear message."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsp_server.actions.asking import Stopped
from lsp_server.actions.checks import Refused
from lsp_server.actions.order import Order
from lsp_server.actions.performing import perform
from lsp_server.actions.prompting import file_name
from lsp_server.convert import EditSupport, FileState, edit_support_from_lsp, workspace_edit_to_lsp
from lsp_server.editor_requests import apply_edit, show_document
from lsp_server.lean_types import types
from lsp_server.markdown import fenced
from model_runtime.api import InvalidRequest, RuntimeFailure

if TYPE_CHECKING:
    from lsp_server.actions.proposing import Proposal
    from lsp_server.language_server import FimbriaServer

logger = logging.getLogger(__name__)


async def edit_for(ls: FimbriaServer, data: object) -> types.WorkspaceEdit | None:
    """Carry an action out; None where nothing is to be changed, and the user knows why."""
    try:
        order = Order.from_data(data)
    except ValueError as error:
        tell(ls, types.MessageType.Warning, str(error))
        return None
    try:
        outcome = await perform(ls, order)
    except Stopped:
        return None
    except RuntimeFailure as failure:
        logger.error("%s", failure)
        is_refused = isinstance(failure, InvalidRequest)  # which is no fault of the model's
        kind = types.MessageType.Warning if is_refused else types.MessageType.Error
        tell(ls, kind, f"{failure} Nothing was changed.")
        return None
    if isinstance(outcome, Refused):
        logger.info("%s was refused", order.task)
        logger.debug("%s: %s", order.task, outcome.reason)  # it may quote the code
        tell(ls, types.MessageType.Warning, f"{order.title}: {outcome.reason} Nothing was changed.")
        return None
    return None if outcome is None else _edit(ls, order, outcome)


async def apply_edit_for(ls: FimbriaServer, data: object) -> None:
    """Carry an action out and have the editor apply its edit, if there is one."""
    edit = await edit_for(ls, data)
    if edit is None:
        return
    if why_not := await apply_edit(ls, edit):
        tell(ls, types.MessageType.Warning, why_not)
    elif other := other_file(edit, data):
        await show_file(ls, other)


def other_file(edit: types.WorkspaceEdit, data: object) -> str:
    """The URI of the file that an action's edit changes, if it is not the one that the action was
    offered in; else empty.
    """
    changed = [
        change.text_document.uri
        for change in edit.document_changes or ()
        if isinstance(change, types.TextDocumentEdit)
    ]
    uri = next(iter([*changed, *(edit.changes or ())]), "")
    return "" if uri == Order.from_data(data).uri else uri


async def show_file(ls: FimbriaServer, uri: str) -> None:
    """Open a file that was changed and that the user may not see; its name as a message where the
    editor opens none.
    """
    if not await show_document(ls, uri):
        tell_where(ls, uri)


def tell_where(ls: FimbriaServer, uri: str) -> None:
    """Name the file that an edit is for."""
    text = f"The edit is for {file_name(uri)}; look at it there, and save it."
    tell(ls, types.MessageType.Info, text)


def tell(ls: FimbriaServer, kind: types.MessageType, text: str) -> None:
    """Show one message."""
    ls.window_show_message(types.ShowMessageParams(kind, f"Fimbria: {text}"))


def _edit(ls: FimbriaServer, order: Order, proposal: Proposal) -> types.WorkspaceEdit | None:
    support = _support(ls)
    if proposal.state is FileState.MISSING and not support.new_files:
        _show_instead(ls, proposal)
        return None
    return workspace_edit_to_lsp(
        proposal.document,
        proposal.changes,
        ls.encoding,
        support,
        f"Fimbria: {order.title}",
        proposal.state,
    )


def _support(ls: FimbriaServer) -> EditSupport:
    return edit_support_from_lsp(ls.client_capabilities, confirm=ls.settings.confirm_edits)


def _show_instead(ls: FimbriaServer, proposal: Proposal) -> None:
    """Show what would have gone into a file that the editor cannot make."""
    from lsp_server.answer_document import show_answer

    name = file_name(proposal.document.uri)
    code = "".join(change.text for change in proposal.changes)
    markdown = fenced(code.strip(), proposal.document.language_id)
    ls.in_background(show_answer(ls, f"For a new file, {name}", markdown))
