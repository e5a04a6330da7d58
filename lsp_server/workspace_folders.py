"""Which folder of the workspace a file belongs to."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pygls.uris import to_fs_path

if TYPE_CHECKING:
    from lsp_server.language_server import FimbriaServer


def root_of(ls: FimbriaServer, file: Path) -> Path | None:
    """The workspace folder that a file lies in, the innermost one."""
    return innermost(file, folders_of(ls))


def folders_of(ls: FimbriaServer) -> tuple[Path, ...]:
    """The folders that the editor works on."""
    return _folders(tuple(ls.workspace.folders), ls.workspace.root_path or "")


def innermost(file: Path, folders: tuple[Path, ...]) -> Path | None:
    """The one that a file lies in, the deepest of them."""
    around = [folder for folder in folders if file.is_relative_to(folder)]
    return max(around, key=lambda folder: len(folder.parts), default=None)


@functools.lru_cache(maxsize=4)  # asked for with every key
def _folders(uris: tuple[str, ...], root_path: str) -> tuple[Path, ...]:
    names = [*(to_fs_path(uri) for uri in uris), root_path]
    return tuple(Path(name) for name in names if name)
