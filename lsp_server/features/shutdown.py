"""`shutdown`: the editor is about to end this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.SHUTDOWN


async def handle(ls: FimbriaServer, _params: None) -> None:
    """Answer what is pending, abort it in the engine, and let go of the daemon, which lives on."""
    await ls.close()
