"""How daemon and clients meet: the listening socket, and the endpoint file that tells clients where
it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from model_runtime.api import RuntimeUnavailable
from model_runtime.places import DaemonFiles, DaemonSpec, private_folder

TRANSPORT_VARIABLE = "FIMBRIA_TRANSPORT"
MAX_SOCKET_PATH_BYTES = 100
"""sockaddr_un holds 108 bytes on Linux, 104 on macOS, each with a final zero."""

_BACKLOG = 128


class Unreachable(RuntimeUnavailable):
    """Nobody listens, or the daemon is about to end: nothing has been computed, so asking another
    daemon is safe.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a daemon listens and what it serves; the content of its endpoint file (JSON, mode
    0600).
    """

    path: str = ""
    """Of the Unix socket; empty with TCP."""
    port: int = 0
    """On 127.0.0.1; 0 with a Unix socket."""
    token: str = ""
    """Bearer token that TCP clients have to send."""
    pid: int
    model: str
    """The resolved model folder."""
    device: str
    dtype: str
    log: str = ""
    """The log file; empty when the daemon logs to a terminal."""

    @property
    def spec(self) -> DaemonSpec:
        """A spec that leads to this daemon."""
        return DaemonSpec(model=self.model, device=self.device, dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that is bound and listening, and its address as an endpoint has it."""

    socket: socket.socket
    path: str = ""
    port: int = 0
    token: str = ""

    def close(self) -> None:
        """Stop listening and remove the socket's file."""
        self.socket.close()
        if self.path:
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


def write_endpoint(file: Path, endpoint: Endpoint) -> None:
    """Write the file in one step, readable by this user only."""
    draft = file.with_suffix(".json.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(endpoint), stream)
    draft.replace(file)


def read_endpoint(file: Path) -> Endpoint | None:
    """The endpoint in `file`; None without a file, or with one that another version has written."""
    try:
        return Endpoint(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def read_endpoints(folder: Path) -> Iterator[Endpoint]:
    """All endpoints with a file in `folder`, those of killed daemons too."""
    for file in sorted(folder.glob("*.json")):
        endpoint = read_endpoint(file)
        if endpoint:
            yield endpoint


def answers(endpoint: Endpoint, timeout_s: float = 1.0) -> bool:
    """Whether the process at `endpoint` exists and accepts connections."""
    if not process_exists(endpoint.pid):
        return False
    family = socket.AF_UNIX if endpoint.path else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(timeout_s)
        try:
            probe.connect(endpoint.path or ("127.0.0.1", endpoint.port))
        except OSError:
            return False
        return True


def process_exists(pid: int) -> bool:
    """Whether a process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _listen_unix(path: Path) -> Listener:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _umask(0o177):  # chmod after bind would leave a moment open to others
        listener.bind(str(path))
    listener.listen(_BACKLOG)
    return Listener(listener, path=str(path))


def _listen_tcp() -> Listener:
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    return Listener(listener, port=listener.getsockname()[1], token=secrets.token_urlsafe(32))


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES


def _short_parents() -> list[Path]:
    import tempfile  # noqa: PLC0415 - 15 ms that only a long path has to pay

    return [Path(tempfile.gettempdir()), Path("/tmp")]


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
