"""Which daemon, and where on this machine it leaves its lock, log and endpoint files."""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

from model_runtime.api import RuntimeUnavailable
from model_runtime.models import resolve_model

RUNTIME_DIR_VARIABLE = "FIMBRIA_RUNTIME_DIR"


@dataclass(frozen=True, slots=True)
class DaemonSpec:
    """The daemon that a client wants. Model, device and dtype make it another daemon; the rest
    holds when it is started.
    """

    model: str = "starter"
    device: str = "auto"
    dtype: str = "auto"
    idle_timeout_s: float = 1800
    """Seconds without a request until the daemon ends; 0 never ends it."""
    transport: str = "auto"
    """`unix`, `tcp` (loopback, with a token) or `auto`: $FIMBRIA_TRANSPORT, else unix where there
    is such a thing.
    """


@dataclass(frozen=True, slots=True)
class DaemonFiles:
    """The files of one daemon; `key` names it."""

    folder: Path
    key: str

    @property
    def lock(self) -> Path:
        """Locked by the daemon for life: whoever holds it may bind the socket and write the other
        files.
        """
        return self.folder / f"{self.key}.lock"

    @property
    def socket(self) -> Path:
        return self.folder / f"{self.key}.sock"

    @property
    def endpoint(self) -> Path:
        """How to reach the daemon: see transport.Endpoint."""
        return self.folder / f"{self.key}.json"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.key}.log"

    @property
    def previous_log(self) -> Path:
        return self.folder / f"{self.key}.old.log"


def daemon_files(spec: DaemonSpec) -> DaemonFiles:
    """Files of the daemon for `spec`. Raises ModelNotFound, and RuntimeUnavailable when the folder
    is not safe to use.
    """
    model = resolve_model(spec.model)
    identity = "\0".join([str(model), spec.device, spec.dtype])
    key = hashlib.sha256(os.fsencode(identity)).hexdigest()[:12]
    return DaemonFiles(runtime_folder(), key)


def runtime_folder() -> Path:
    """The private folder that this user's daemons share: $FIMBRIA_RUNTIME_DIR or the platform's
    place for sockets.

    Raises RuntimeUnavailable when it cannot be made private.
    """
    chosen = os.environ.get(RUNTIME_DIR_VARIABLE)
    if chosen:
        return private_folder(Path(chosen).expanduser().absolute())
    # Imported here: it costs 30 ms, and the variable is set in tests and on machines with homes on
    # a network.
    import platformdirs

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # "falling back to /tmp/runtime-…": we check the folder ourselves
        return private_folder(platformdirs.user_runtime_path("fimbria"))


def private_folder(folder: Path) -> Path:
    """Make `folder` (mode 0700) or check that it is this user's own and close it to others.

    Raises RuntimeUnavailable when it is another user's, a symbolic link, shared, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise _unsafe(folder, f"cannot be made ({error.strerror})") from error
    if not stat.S_ISDIR(status.st_mode):
        raise _unsafe(folder, "is not a folder")
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise _unsafe(folder, "belongs to another user")
    if status.st_mode & stat.S_ISVTX:
        raise _unsafe(folder, "is shared by all users")
    if status.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def _unsafe(folder: Path, reason: str) -> RuntimeUnavailable:
    return RuntimeUnavailable(
        f"The runtime folder {folder} {reason}.",
        f"Set {RUNTIME_DIR_VARIABLE} to a folder of your own.",
    )
