"""What `fimbria doctor` looks at: each check says what it found and, if that is bad, what to do."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from lsp_server.cli.check import Check, State, run_quietly
from lsp_server.cli.editor_checks import check_editors
from model_runtime.adapters import resolve_adapter
from model_runtime.api import RuntimeFailure
from model_runtime.models import resolve_model
from model_runtime.places import DaemonSpec, daemon_files

_MIN_PYTHON = (3, 11)
_PACKAGES = {"int4": "torchao", "nf4": "bitsandbytes"}

# Runs in a process of its own: the command line stays without torch, and survives a broken one.
_TORCH_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({
    "version": torch.__version__,
    "device": torch.cuda.get_device_name() if cuda else "cpu",
    "num_threads": torch.get_num_threads(),
}))
"""


def checks(spec: DaemonSpec) -> Iterator[Check]:
    """Look at everything that needs no running model."""
    yield check_python(sys.version_info[:2])
    yield check_torch()
    yield check_package("sentencepiece")
    yield check_package("safetensors")
    yield check_model(spec)
    if spec.dtype in _PACKAGES:
        yield check_package(_PACKAGES[spec.dtype], 'pip install "fimbria[quant]"')
    if spec.adapter:
        yield check_package("peft", 'pip install "fimbria[lora]"')
        yield check_adapter(spec)
    yield check_runtime_folder(spec)
    yield from check_editors()


def check_python(python: tuple[int, ...]) -> Check:
    """Fimbria needs Python 3.11."""
    found = f"{platform.python_version()} ({sys.executable})"
    if python >= _MIN_PYTHON:
        return Check("Python", State.OK, found)
    return Check("Python", State.BROKEN, found, "Install Python 3.11 or newer.")


def check_torch() -> Check:
    """Import torch as the daemon does."""
    try:
        probe = run_quietly([sys.executable, "-P", "-c", _TORCH_PROBE])
    except subprocess.TimeoutExpired:
        return Check("torch", State.BROKEN, "importing it takes minutes", "Install it again.")
    if probe.returncode != 0:
        return Check("torch", State.BROKEN, _last_line(probe.stderr), "pip install torch")
    facts = json.loads(_last_line(probe.stdout))
    threads = f"{facts['num_threads']} threads"
    return Check("torch", State.OK, f"{facts['version']}, {facts['device']}, {threads}")


def check_package(name: str, hint: str = "") -> Check:
    """Look whether a package is installed. hint: what installs it, if not its name."""
    try:
        return Check(name, State.OK, version(name))
    except PackageNotFoundError:
        return Check(name, State.BROKEN, "not installed", hint or f"pip install {name}")


def check_model(spec: DaemonSpec) -> Check:
    """Look whether the model's folder is complete."""
    try:
        folder = resolve_model(spec.model)
    except RuntimeFailure as failure:
        return Check("Model", State.BROKEN, failure.message, failure.hint)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return Check("Model", State.OK, f"{spec.model} ({folder}, {size / 1024**2:.1f} MiB)")


def check_adapter(spec: DaemonSpec) -> Check:
    """Look whether the adapter's folder is one."""
    try:
        folder = resolve_adapter(spec.adapter)
    except RuntimeFailure as failure:
        return Check("Adapter", State.BROKEN, failure.message, failure.hint)
    return Check("Adapter", State.OK, f"{spec.adapter} ({folder})")


def check_runtime_folder(spec: DaemonSpec) -> Check:
    """Look whether the folder of socket, lock and log is safe to use."""
    name = "Runtime folder"
    try:
        files = daemon_files(spec)
    except RuntimeFailure as failure:
        return Check(name, State.BROKEN, failure.message, failure.hint)
    return Check(name, State.OK, str(files.folder))


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
