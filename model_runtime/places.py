"""Which daemon, and where on this machine it leaves its lock, log and endpoint files."""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

from model_runtime.adapters import resolve_adapter
from model_runtime.api import RuntimeUnavailable
from model_runtime.models import resolve_model

RUNTIME_DIR_VARIABLE = "FIMBRIA_RUNTIME_DIR"


@dataclass(frozen=True, slots=True)
class DaemonSpec:
    """The daemon that a client wants. Model, device, dtype, adapter, context length and family make
    it another daemon; the rest holds when it is started.
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
    kv_memory: str = "auto"
    """Memory reserved for the KV cache: `4GiB`, `512MB`, `40%` of what is free, or `auto`."""
    adapter: str = ""
    """Folder or hub name of a LoRA adapter (PEFT) laid over the model; empty for none."""
    context_length: int = 0
    """Tokens of a prompt and its answer; 0 takes what suits the model and the memory."""
    family: str = ""
    """A model family's name in place of what the checkpoint tells; empty to find out."""
    chat_model: str = ""
    """A second model that answers chats where the first one cannot, loaded by the first chat."""


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
        return previous_log(self.log)


def previous_log(log: Path) -> Path:
    """Where the next daemon moves `log` to before it begins its own."""
    return log.with_suffix(".old.log")


def log_hint(log: Path) -> str:
    """Where to read on about a daemon that has ended, also after another one has been started."""
    return f"Its log: {log}, or {previous_log(log).name} once another has been started."


FileIdentity = tuple[int, int]


def file_identity(file: Path) -> FileIdentity | None:
    """What tells a file from another one that was put in its place; None when there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def daemon_files(spec: DaemonSpec) -> DaemonFiles:
    """Files of the daemon for `spec`. Raises ModelNotFound, and RuntimeUnavailable when the folder
    is not safe to use.
    """
    model = resolve_model(spec.model)
    adapter = str(resolve_adapter(spec.adapter)) if spec.adapter else ""
    parts = (model, spec.device, spec.dtype, adapter, spec.context_length, spec.family)
    identity = "\0".join(map(str, parts))
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
        # "falling back to /tmp/runtime-…": we check the folder ourselves
        warnings.simplefilter("ignore")
        try:
            folder = platformdirs.user_runtime_path("fimbria")
        except OSError as error:  # somebody else has made the fallback
            raise _unusable(f"There is no safe runtime folder: {error}.") from error
    return private_folder(folder)


def private_folder(folder: Path) -> Path:
    """Make `folder` (mode 0700) or check that it is this user's own and close it to others.

    Raises RuntimeUnavailable when it is another user's, a symbolic link, shared, lies where another
    user could put something else in its place, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = _unsafe_leaf(folder.lstat()) or _unsafe_parent(folder)
        if reason:
            raise _unusable(f"The runtime folder {folder} {reason}.")
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        reason = f"cannot be used ({error.strerror})"
        raise _unusable(f"The runtime folder {folder} {reason}.") from error
    return folder


def _unsafe_leaf(status: os.stat_result) -> str | None:
    if not stat.S_ISDIR(status.st_mode):
        return "is not a folder"
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return "belongs to another user"
    return "is shared by all users" if status.st_mode & stat.S_ISVTX else None


def _unsafe_parent(folder: Path) -> str | None:
    """Why another user could rename a part of the path to `folder`; None when nobody could."""
    if not hasattr(os, "getuid"):  # the modes of Windows say nothing
        return None
    in_shared_folder = False
    for parent in reversed(folder.parents):
        # Of what lies in a shared folder, only root's and our own stays where it is.
        if in_shared_folder and parent.lstat().st_uid not in (0, os.getuid()):
            return f"lies in {parent}, which belongs to another user"
        mode = parent.stat().st_mode
        in_shared_folder = bool(mode & stat.S_IWOTH)
        if in_shared_folder and not mode & stat.S_ISVTX:
            return f"lies in {parent}, where every user may rename it"
    return None


def _unusable(message: str) -> RuntimeUnavailable:
    return RuntimeUnavailable(message, f"Set {RUNTIME_DIR_VARIABLE} to a folder of your own.")
