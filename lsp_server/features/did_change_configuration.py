"""`workspace/didChangeConfiguration`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsp_server.context import beside
from lsp_server.lean_types import types
from lsp_server.settings import section_of

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer

METHOD = types.WORKSPACE_DID_CHANGE_CONFIGURATION


def handle(ls: FimbriaServer, params: types.DidChangeConfigurationParams) -> None:
    """Take new settings in place of those that came before; another model means another
    runtime.
    """
    values = section_of(params.settings)
    if values is None:
        return
    before = ls.settings
    other_runtime = ls.configure("settings", values)
    ls.show_problems()
    other_rules = (before.snippets, before.exclude) != (ls.settings.snippets, ls.settings.exclude)
    if other_rules:
        beside.rules_changed(ls)
    if other_runtime or other_rules:
        ls.suggestions.clear()  # it may have been copied from what is left out now
    if other_runtime:
        ls.in_background(_change_runtime(ls))


async def _change_runtime(ls: FimbriaServer) -> None:
    await ls.runtime.close()
    beside.rules_changed(ls)
    await ls.warm_up()
