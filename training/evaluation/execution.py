"""Running generated programs at arm's length.

A model's output is nobody's friend: it runs in a process of its own, in a session of its own,
without the network, in an empty folder, with little memory and time. That is no virtual
machine, so nothing runs unless the caller has said `--allow-exec`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache

MEGABYTE = 2**20
WALL_SECONDS = 8.0
MEMORY = 1024 * MEGABYTE

# The child limits itself before it reads the program: doing that between fork and exec is
# unsafe in a process with threads, and the engine has one.
RUN_LIMITED = f"""
import resource, sys
for kind, value in (
    (resource.RLIMIT_CPU, 4),
    (resource.RLIMIT_AS, {MEMORY}),
    (resource.RLIMIT_FSIZE, {MEGABYTE}),
    (resource.RLIMIT_NOFILE, 32),
    (resource.RLIMIT_CORE, 0),
):
    resource.setrlimit(kind, (value, value))
exec(compile(sys.stdin.read(), "<program>", "exec"), {{"__name__": "__main__"}})
"""


@cache
def isolation() -> tuple[str, ...]:
    """The command prefix that takes the network away, empty where there is none."""
    command = ("unshare", "--user", "--map-root-user", "--net")
    if not shutil.which(command[0]):
        return ()
    probe = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if probe.returncode == 0 else ()


def passes(program: str) -> bool:
    """Whether `program` runs to its end without an error."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*isolation(), sys.executable, "-I", "-c", RUN_LIMITED],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": os.defpath, "HOME": folder},
            start_new_session=True,
        )
        try:
            process.communicate(program.encode(), timeout=WALL_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        finally:
            _kill_session(process)
    return process.returncode == 0


def _kill_session(process: "subprocess.Popen[bytes]") -> None:
    """End the program and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
