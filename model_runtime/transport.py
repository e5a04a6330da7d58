"""How clients find a daemon: the endpoint file that says where it listens."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from model_runtime.api import RuntimeUnavailable
from model_runtime.places import DaemonSpec

STATUS_TIMEOUT_S = 30.0
"""While it imports torch, a daemon on a slow disk may be silent for long."""


class Unreachable(RuntimeUnavailable):
    """Nobody listens, or the daemon is about to end: nothing has been computed, so asking another
    daemon is safe.
    """


class Silent(RuntimeUnavailable):
    """A daemon accepts connections and says nothing: it hangs, or has been stopped."""


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
    adapter: str = ""
    """The resolved folder of a LoRA adapter."""
    context_length: int = 0
    family: str = ""
    log: str = ""
    """The log file; empty when the daemon logs to a terminal."""

    @property
    def spec(self) -> DaemonSpec:
        """A spec that leads to this daemon."""
        return DaemonSpec(
            model=self.model,
            device=self.device,
            dtype=self.dtype,
            adapter=self.adapter,
            context_length=self.context_length,
            family=self.family,
        )


_PROGRAMS = frozenset({"model_runtime", "lsp_server", "fimbria"})
_NAMES = tuple(Endpoint.__dataclass_fields__)


def write_endpoint(file: Path, endpoint: Endpoint) -> None:
    """Write the file in one step, readable by this user only."""
    draft = file.with_suffix(".json.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(endpoint), stream)
    draft.replace(file)


def read_endpoint(file: Path) -> Endpoint | None:
    """The endpoint in `file`; None without a file, or with one that cannot be read. What a newer
    version says beyond this one's terms is left aside.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Endpoint(**{name: content[name] for name in _NAMES if name in content})
    except (OSError, ValueError, TypeError):
        return None


def read_endpoints(folder: Path) -> Iterator[Endpoint]:
    """All endpoints with a file in `folder`, those of killed daemons too."""
    for file in sorted(folder.glob("*.json")):
        endpoint = read_endpoint(file)
        if endpoint:
            yield endpoint


def answers(endpoint: Endpoint, timeout_s: float = 1.0) -> bool:
    """Whether the process at `endpoint` exists and listens."""
    if not process_exists(endpoint.pid):
        return False
    family = socket.AF_UNIX if endpoint.path else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(timeout_s)
            probe.connect(endpoint.path or ("127.0.0.1", endpoint.port))
    except (BlockingIOError, TimeoutError):
        return True  # one that hangs: as many connections wait as it was willing to queue
    except OSError:
        return False
    return True


def process_ended(pid: int) -> bool:
    """Whether the process is gone, or is a zombie: in a container, often nobody waits for those
    whose parent has ended.
    """
    if not process_exists(pid):
        return True
    import psutil  # only those who wait for an end need it

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def is_suspended(pid: int) -> bool:
    """Whether the process does nothing until somebody lets it go on (SIGSTOP, a debugger)."""
    import psutil

    try:
        status = psutil.Process(pid).status()
    except psutil.Error:
        return False
    return status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def is_daemon(pid: int) -> bool:
    """Whether the process with this number runs a daemon, as far as its command line tells: before
    it is ended by force, for numbers are given anew.
    """
    import psutil

    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return "serve" in command and not _PROGRAMS.isdisjoint(Path(part).name for part in command)


def process_exists(pid: int) -> bool:
    """Whether a process has this number, be it a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
