"""Where the text of a reference comes from: an open document, else a file of the workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pygls.uris import to_fs_path

from lsp_server.chat.references import Source, Unreadable, path_within
from lsp_server.private_files import is_excluded, is_secret, may_be_read
from lsp_server.source_text import SourceText
from lsp_server.syntax.languages import grammar_name

if TYPE_CHECKING:
    from lsp_server.documents import Document
    from lsp_server.language_server import FimbriaServer

Opened = Mapping[str, "Document | None"]
"""What the editor showed of each file when the question was asked."""

_LARGEST_FILE = 1_000_000
_EXCLUDED = Unreadable("The settings or .gitignore leave it out; it is not sent.")
_SECRET = Unreadable("Its name says that it holds secrets; it is not sent.")


async def source_of(ls: FimbriaServer, uri: str, document: Document | None) -> Source | Unreadable:
    """The text of a file as the user sees it; `document` if it is open."""
    roots = workspace_folders(ls)
    path = path_within(uri, roots)
    if document is None:
        return await asyncio.to_thread(_on_disk, uri, path, roots, ls.settings.exclude)
    if is_secret(Path(path)) or is_secret(Path(_fs_path(uri) or path)):
        return _SECRET
    if is_excluded(path, ls.settings.exclude):
        return _EXCLUDED
    return Source(path, document.language_id, document.text)


def workspace_folders(ls: FimbriaServer) -> list[str]:
    """URIs of the folders that the editor works on."""
    root = ls.workspace.root_uri
    folders = [folder.uri for folder in ls.workspace.folders.values()]
    return [*folders, *([root] if root else [])]


def _on_disk(
    uri: str, path: str, roots: Iterable[str], excluded: Sequence[str]
) -> Source | Unreadable:
    name = _fs_path(uri)
    if name is None:
        return Unreadable("It is not open, and no file on this machine.")
    file = Path(name)
    if is_secret(file):
        return _SECRET
    root = _root_of(file, roots)
    if root is None:
        return Unreadable("It is not open, and not in the workspace.")
    if not may_be_read(file, root, excluded):
        return _EXCLUDED
    return _read(file, path)


def _fs_path(uri: str) -> str | None:
    return to_fs_path(uri) if uri.startswith("file:") else None


def _root_of(file: Path, roots: Iterable[str]) -> Path | None:
    folders = [Path(name) for root in roots if (name := to_fs_path(root))]
    inside = [folder for folder in folders if ".." not in file.parts and folder in file.parents]
    return max(inside, key=lambda folder: len(folder.parts), default=None)


def _read(file: Path, path: str) -> Source | Unreadable:
    try:
        if file.stat().st_size > _LARGEST_FILE:
            return Unreadable("It is larger than a megabyte.")
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        return Unreadable("It is no text in UTF-8.")
    except OSError as error:
        return Unreadable(f"It cannot be read: {error.strerror}.")
    if "\0" in text:
        return Unreadable("It is no text.")
    return Source(path, grammar_name("", file.name), SourceText.of(text))
