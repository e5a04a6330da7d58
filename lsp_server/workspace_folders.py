"""Which folder of the workspace a file belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pygls.uris import to_fs_path

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer


def root_of(ls: FimbriaServer, file: Path) -> Path | None:
    """The workspace folder that a file lies in, the innermost one."""
    folders = [Path(path) for uri in ls.workspace.folders if (path := to_fs_path(uri))]
    if ls.workspace.root_path:
        folders.append(Path(ls.workspace.root_path))
    around = [folder for folder in folders if file.is_relative_to(folder)]
    return max(around, key=lambda folder: len(folder.parts), default=None)
