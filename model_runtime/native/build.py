"""Compiles `llama.c` for this very machine, once, into the user's cache folder. Torch-free."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from model_runtime.api import RuntimeFailure
from model_runtime.places import private_folder

SOURCE = Path(__file__).with_name("llama.c")
# Of -ffast-math only what cannot change a NaN, an infinity or the order of a sum: fused
# multiply-add, no errno, no floating-point traps.
_FLAGS = (
    "-O3", "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fPIC",
    "-shared",
)  # fmt: skip
_COMPILERS = ("cc", "gcc", "clang")
_COMPILE_TIMEOUT_S = 60


class NativeUnavailable(Exception):
    """There is no compiled library on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler: the words of its command and what it says of its version."""

    command: tuple[str, ...]
    version: str


def library_path(folder: Path | None = None) -> Path:
    """The compiled library in `folder` (default: the user's cache), compiled if it is not there.

    The name tells source, flags, compiler and processor apart, and the file appears whole or not at
    all, so that several processes may call this at once. Raises NativeUnavailable.
    """
    compiler = find_compiler()
    source = SOURCE.read_bytes()
    try:
        chosen = private_folder(folder or platformdirs.user_cache_path("fimbria") / "native")
        library = chosen / f"llama-{_fingerprint(source, compiler)}.so"
        if not library.exists():
            _compile(compiler, library)
    except (RuntimeFailure, OSError) as error:
        raise NativeUnavailable(f"the cache folder cannot be used: {error}") from error
    return library


def find_compiler() -> Compiler:
    """`$CC`, or the first of cc, gcc and clang on the path. Raises NativeUnavailable."""
    named = os.environ.get("CC")
    command = shlex.split(named) if named else [c for c in _COMPILERS if shutil.which(c)][:1]
    if not command:
        raise NativeUnavailable("no C compiler was found")
    said = _run([*command, "--version"])
    if said.returncode != 0:
        raise NativeUnavailable(f"{command[0]} --version failed")
    return Compiler(tuple(command), said.stdout)


def _fingerprint(source: bytes, compiler: Compiler) -> str:
    parts = (*compiler.command, compiler.version, *_FLAGS, _processor())
    return hashlib.sha256(source + "\0".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """What tells processors apart that a home folder on the network may be shared by."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()} {platform.node()}"
    names = ("model name", "flags", "Features", "CPU part", "isa")
    found = {line for line in lines if line.startswith(names)}
    return f"{platform.machine()} {sorted(found)}"


def _compile(compiler: Compiler, library: Path) -> None:
    handle, name = tempfile.mkstemp(suffix=".so", dir=library.parent)
    os.close(handle)
    written = Path(name)
    try:
        _compile_somehow(compiler, written)
        with written.open("rb") as content:
            os.fsync(content.fileno())  # or a power cut may leave an empty file under that name
        written.replace(library)
    finally:
        written.unlink(missing_ok=True)


def _compile_somehow(compiler: Compiler, library: Path) -> None:
    """Leave out what a compiler does not know: first threads, then this processor's own code."""
    own = "-march=native" if platform.machine().lower() in {"x86_64", "amd64"} else "-mcpu=native"
    output = ["-o", str(library), str(SOURCE), "-lm"]
    for extra in ([own, "-fopenmp"], [own], ["-fopenmp"], []):
        done = _run([*compiler.command, *_FLAGS, *extra, *output])
        if done.returncode == 0:
            return
    lines = done.stderr.strip().splitlines()
    raise NativeUnavailable(f"{compiler.command[0]} failed: {lines[0] if lines else 'no message'}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_COMPILE_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeUnavailable(f"{command[0]} cannot be run: {error}") from error
