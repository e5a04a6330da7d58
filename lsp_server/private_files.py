"""Which files must never enter a prompt: secrets, and what the project or its user leaves out."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SECRETS = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    ".docker/config.json",
    ".kube/config",
    ".aws/",
    ".azure/",
    ".gnupg/",
    ".ssh/",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "*.asc",
    "*.gpg",
    "*.tfvars",
    "*.tfstate",
    "*.tfstate.*",
    "credentials",
    "credentials.*",
    "secret",
    "secrets",
    "secret.*",
    "secrets.*",
    "*[-_.]secret.*",
    "*[-_.]secrets.*",
    "*[-_.]credentials.*",
    "kubeconfig",
    "*.kubeconfig",
    "kubeconfig.*",
    "local.settings.json",
    "password.*",
    "passwords",
    "passwords.*",
    "token",
    "token.json",
    "token.txt",
    "tokens.txt",
    "*.secret",
    "*.secrets",
    "service-account*.json",
    "service_account*.json",
    ".git/",
)
"""Patterns as in .gitignore; spelling in capitals does not matter."""
_NOT_SECRETS = (
    ".py",
    ".pyi",
    ".js",
    ".ts",
    ".tsx",
    ".go",
    ".rs",
    ".java",
    ".rb",
    ".c",
    ".cpp",
    ".h",
)
"""`secrets.py` is code about secrets, and so is what is called `credentials.py` or `token.go`."""


def may_be_read(path: Path, root: Path | None, excluded: Sequence[str] = ()) -> bool:
    """Whether a file may enter a prompt that is not about itself.

    root: the workspace's folder, within which the file must lie; the `.gitignore` files count that
    lie in it, in its folders and in those above it up to the repository's, unless they ignore the
    root itself, which somebody has opened. Without a root only the names count. excluded: the
    user's own patterns, as in .gitignore. Links are followed: what they point to must be allowed as
    well.
    """
    if is_secret(path) or not _is_allowed(path, root, excluded):
        return False
    try:
        real = _resolved(path, root)
    except (OSError, RuntimeError, ValueError):
        return False
    return real == (path, root) or (not is_secret(real[0]) and _is_allowed(*real, excluded))


def is_secret(path: Path) -> bool:
    """Whether a file's name says that it holds a secret."""
    lowered = PurePosixPath(path.as_posix().lower())
    return lowered.suffix not in _NOT_SECRETS and _matches(SECRETS, str(lowered).lstrip("/"))


def is_excluded(path: str, excluded: Sequence[str]) -> bool:
    """Whether the user's own patterns leave out a path within the workspace."""
    return _matches(tuple(excluded), path)


def is_left_out(path: Path, root: Path | None, excluded: Sequence[str]) -> bool:
    """Whether the user's own patterns or `.gitignore` leave out a file that the user has open, be
    it under its name or that of the file it links to. root: as for `may_be_read`.
    """
    try:
        real = _resolved(path, root)
    except (OSError, RuntimeError, ValueError):
        return True
    for file, folder in ((path, root), real):
        inside = folder if folder is not None and file.is_relative_to(folder) else None
        if not _is_allowed(file, inside, excluded):
            return True
    return False


def _resolved(path: Path, root: Path | None) -> tuple[Path, Path | None]:
    """Raises ValueError for names that no file can have."""
    return path.resolve(), None if root is None else root.resolve()


def _is_allowed(path: Path, root: Path | None, excluded: Sequence[str]) -> bool:
    if root is None:
        return not _matches(tuple(excluded), path.as_posix().lstrip("/"))
    if not path.is_relative_to(root):
        return False
    if _matches(tuple(excluded), path.relative_to(root).as_posix()):
        return False
    top = _repository(root)
    return not _is_ignored(path, root if _is_ignored(root, top, is_folder=True) else top)


def _repository(folder: Path) -> Path:
    """The git repository around a folder; without one, the folder itself."""
    around = (each for each in (folder, *folder.parents) if os.path.exists(each / ".git"))
    return next(around, folder)


def _is_ignored(path: Path, root: Path, *, is_folder: bool = False) -> bool:
    """Git's rule: the last pattern that matches decides, and deeper files come later; what lies in
    an ignored folder stays ignored.
    """
    inner = path.relative_to(root)
    for depth in range(1, len(inner.parts) + 1):
        part = root.joinpath(*inner.parts[:depth])
        verdict = None
        for folder, spec in _ignore_files(part.parent, root):
            ends_with = "/" if is_folder or depth < len(inner.parts) else ""
            name = part.relative_to(folder).as_posix() + ends_with
            found = spec.check_file(name).include
            verdict = verdict if found is None else found
        if verdict:
            return True
    return False


def _ignore_files(folder: Path, root: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    """From the root down to a folder of it."""
    inner = folder.relative_to(root)
    for depth in range(len(inner.parts) + 1):
        at = root.joinpath(*inner.parts[:depth])
        try:
            lines = (at / ".gitignore").read_text("utf-8", "replace").splitlines()
        except (OSError, ValueError):
            continue
        yield at, _spec(tuple(lines))


def _matches(patterns: tuple[str, ...], path: str) -> bool:
    return bool(patterns) and _spec(patterns).match_file(path)


@functools.lru_cache(maxsize=256)
def _spec(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    """Lines that are no patterns count for nothing, as git has it."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(line for line in patterns if _is_pattern(line))


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True
