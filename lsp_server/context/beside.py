"""Other files of a session: which are noted, and what of them goes with a request."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pygls.uris import to_fs_path

from lsp_server.context.snippets import Surroundings
from lsp_server.context.visits import Location
from lsp_server.workspace_folders import folders_of, innermost
from model_runtime.api import OtherFiles

if TYPE_CHECKING:
    from lsp_server.context.windows import CursorContext
    from lsp_server.documents import Document
    from lsp_server.language_server import FimbriaServer
    from model_runtime.api import ModelInfo


def note(ls: FimbriaServer, document: Document, edited_at: int | None = None) -> None:
    """Take note of a document's newest state; edited_at: the offset where it was changed."""
    if not _is_wanted(ls, ls.runtime.known):
        ls.visits.clear()
    elif (at := _location(ls, document.uri)) is not None:
        edited_line = None if edited_at is None else document.text.line_at(edited_at)
        ls.visits.saw(at, document, edited_line)


def rules_changed(ls: FimbriaServer) -> None:
    """The user has other wishes, or another model: what is open may be wanted now, or no longer."""
    if not _is_wanted(ls, ls.runtime.known):
        ls.visits.clear()
        return
    for document in ls.documents.all_open():
        note(ls, document)


async def surroundings(
    ls: FimbriaServer, uri: str, context: CursorContext, model: ModelInfo, *, is_idle: bool = False
) -> Surroundings:
    """What of other files goes with a request for a place. Nothing where the model would make
    nothing of it, or the user does not want it. is_idle: nobody has asked.
    """
    at = _location(ls, uri) if _is_wanted(ls, model) else None
    if at is None:
        return Surroundings()
    return await ls.visits.surroundings(uri, at, context, ls.settings.exclude, is_idle=is_idle)


def _is_wanted(ls: FimbriaServer, model: ModelInfo | None) -> bool:
    return ls.settings.snippets and (model is None or model.other_files is not OtherFiles.IGNORED)


def _location(ls: FimbriaServer, uri: str) -> Location | None:
    return _place(uri, folders_of(ls))


@functools.lru_cache(maxsize=256)  # asked for with every key
def _place(uri: str, folders: tuple[Path, ...]) -> Location | None:
    """Where a file lies; None for what is no file of this machine, such as a notebook's cell."""
    name = to_fs_path(uri) if uri.startswith("file:") else None
    if not name:
        return None
    path = Path(name)
    root = innermost(path, folders)
    return Location(path, root or path.parent, is_in_workspace=root is not None)
