"""Whether a document may be sent to where the model is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pygls.uris import to_fs_path

from lsp_server.actions.checks import Refused
from lsp_server.actions.order import Task
from lsp_server.actions.prose import can_infill
from lsp_server.private_files import is_left_out, is_secret
from lsp_server.workspace_folders import root_of

if TYPE_CHECKING:
    from lsp_server.documents import Document
    from lsp_server.language_server import FimbriaServer

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def kept_here(ls: FimbriaServer, document: Document, task: Task) -> Refused | None:
    """Why a document must not be sent to another machine; None if it may be, or stays here anyway:
    `model` runs on this machine.
    """
    endpoint = ls.settings.chat_endpoint
    if not endpoint or urlsplit(endpoint).hostname in _LOOPBACK:
        return None
    if task is Task.DOCUMENT and can_infill(ls):
        return None
    name = to_fs_path(document.uri)
    if not name:
        return None
    file = Path(name)
    if is_secret(file):
        return Refused("The file looks like one of secrets, and chat_endpoint is another machine.")
    left_out = await asyncio.to_thread(is_left_out, file, root_of(ls, file), ls.settings.exclude)
    if not left_out:
        return None
    return Refused(
        "The settings or .gitignore leave the file out, and chat_endpoint is another machine."
    )
