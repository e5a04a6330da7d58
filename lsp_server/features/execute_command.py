"""`workspace/executeCommand`: actions for editors that resolve none, and those that need no edit or
carry the user's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pygls.exceptions import JsonRpcInvalidParams

from lsp_server.features.code_action import APPLY, SHOW
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.actions.order import Order
    from lsp_server.language_server import FimbriaServer

EDIT_WITH_INSTRUCTION = "fimbria.editWithInstruction"


async def on_apply(ls: FimbriaServer, *arguments: object) -> None:
    """Carry an action out and have the editor apply its edit; or show the file of one that it has
    applied.
    """
    from lsp_server.actions.delivering import apply_edit_for, show_file

    argument = arguments[0] if arguments else None
    shown = argument.get(SHOW) if isinstance(argument, Mapping) else None
    if isinstance(shown, str):
        await show_file(ls, shown)
    else:
        await apply_edit_for(ls, argument)


async def on_edit_with_instruction(ls: FimbriaServer, *arguments: object) -> None:
    """Edit as the user says. The argument has `uri`, `range`, `instruction`, and the `version` that
    the range is for, if the client knows it.
    """
    from lsp_server.actions.delivering import apply_edit_for, tell

    try:
        order = _instructed(ls, arguments[0] if arguments else None)
    except ValueError as error:
        tell(ls, types.MessageType.Warning, str(error))
    else:
        await apply_edit_for(ls, order.to_data())


def _instructed(ls: FimbriaServer, argument: object) -> Order:
    from lsp_server.actions.order import Order, Task
    from lsp_server.chat.fields import Fields

    values = argument if isinstance(argument, Mapping) else {}
    uri, instruction = values.get("uri"), values.get("instruction")
    if not isinstance(uri, str) or not isinstance(instruction, str) or not instruction.strip():
        raise ValueError(f"{EDIT_WITH_INSTRUCTION} needs uri, range and instruction.")
    document = ls.documents.snapshot(uri)
    if document is None:
        raise ValueError("The file is not open.")
    try:
        span = Fields(values).range("range")
    except JsonRpcInvalidParams as error:
        raise ValueError(f"{EDIT_WITH_INSTRUCTION} needs a range.") from error
    start, end = document.offsets_at(*span, ls.encoding)
    version = values.get("version")
    return Order(
        Task.EDIT,
        f"Edit: {instruction.strip()}",
        uri,
        version if isinstance(version, int) else document.version,
        start,
        end,
        instruction=instruction.strip(),
        edition=document.edition,
    )


COMMANDS = {APPLY: on_apply, EDIT_WITH_INSTRUCTION: on_edit_with_instruction}
"""The handlers by their commands' names."""
