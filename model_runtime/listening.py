"""The daemon's listening socket: a Unix socket of this user's own, or loopback TCP with a token."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model_runtime.api import RuntimeUnavailable
from model_runtime.places import (
    DaemonFiles,
    DaemonSpec,
    FileIdentity,
    file_identity,
    private_folder,
)

TRANSPORT_VARIABLE = "FIMBRIA_TRANSPORT"
MAX_SOCKET_PATH_BYTES = 100
"""sockaddr_un holds 108 bytes on Linux, 104 on macOS, each with a final zero."""

_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that is bound and listening, and its address as an endpoint has it; `file` tells the
    socket's file from another one at its path.
    """

    socket: socket.socket
    path: str = ""
    port: int = 0
    token: str = ""
    file: FileIdentity | None = None

    def is_in_place(self) -> bool:
        """Whether a client that connects to the address arrives here."""
        return not self.path or file_identity(Path(self.path)) == self.file

    def close(self) -> None:
        """Stop listening and remove the socket's file, if that is still ours."""
        in_place = self.is_in_place()
        self.socket.close()
        if self.path and in_place:
            Path(self.path).unlink(missing_ok=True)


def choose_transport(spec: DaemonSpec) -> str:
    """`unix` or `tcp`. Raises RuntimeUnavailable for another word in the spec or in
    $FIMBRIA_TRANSPORT.
    """
    wanted = spec.transport
    if wanted == "auto":
        wanted = os.environ.get(TRANSPORT_VARIABLE) or "auto"
    if wanted == "auto":
        return "unix" if hasattr(socket, "AF_UNIX") else "tcp"
    if wanted not in ("unix", "tcp"):
        raise RuntimeUnavailable(f'There is no transport "{wanted}".', "Use auto, unix or tcp.")
    return wanted


def open_listener(spec: DaemonSpec, files: DaemonFiles, warn: Callable[[str], None]) -> Listener:
    """Bind and listen. Only the lock's holder may call this: what an earlier daemon left at the
    place is removed.
    """
    if choose_transport(spec) == "tcp":
        return _listen_tcp()
    path = socket_path(files)
    if path != files.socket:
        warn(f"{files.socket} is too long for a socket; listening at {path}")
    return _listen_unix(path)


def socket_path(files: DaemonFiles) -> Path:
    """The socket's path: beside the other files, or in a short private folder when that would be
    too long.
    """
    if _fits(files.socket):
        return files.socket
    # Two runtime folders may have a daemon of the same key, so the name stands for both.
    name = hashlib.sha256(os.fsencode(files.socket)).hexdigest()[:16] + ".sock"
    for parent in _short_parents():
        path = parent / f"fimbria-{os.getuid()}" / name
        if _fits(path):
            private_folder(path.parent)
            return path
    raise RuntimeUnavailable(
        f"{files.socket} is too long for a socket.", "Set FIMBRIA_RUNTIME_DIR to a shorter path."
    )


def _listen_unix(path: Path) -> Listener:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _umask(0o177):  # chmod after bind would leave a moment open to others
        listener.bind(str(path))
    listener.listen(_BACKLOG)
    return Listener(listener, path=str(path), file=file_identity(path))


def _listen_tcp() -> Listener:
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    return Listener(listener, port=listener.getsockname()[1], token=secrets.token_urlsafe(32))


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES


def _short_parents() -> list[Path]:
    return [Path(tempfile.gettempdir()), Path("/tmp")]


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
