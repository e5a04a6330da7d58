"""What the doctor finds, and what it says to do."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from lsp_server.cli import checks as checks_module
from lsp_server.cli.app import run
from lsp_server.cli.check import Check, State
from lsp_server.cli.checks import (
    check_model,
    check_package,
    check_python,
    check_runtime_folder,
    check_torch,
    checks,
)
from lsp_server.cli.editor_checks import check_editors, check_neovim, check_vscode
from model_runtime.places import DaemonSpec


def install(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `folder` the whole PATH, with one program in it."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("version", "state", "hint"),
    [
        ("NVIM v0.12.4", State.NOTE, "`fimbria setup neovim` sets it up"),
        ("NVIM v0.13.0-dev+12", State.NOTE, "sets it up"),
        ("NVIM v1.0", State.NOTE, "sets it up"),
        ("NVIM v0.11.5", State.NOTE, "sets it up"),
        ("NVIM v0.10.4", State.NOTE, "Too old: the plugin needs Neovim 0.11."),
        ("NVIM v0.9.5", State.NOTE, "Too old"),
        ("what?", State.NOTE, "unknown; the plugin needs Neovim 0.11"),
    ],
)
def test_neovim_needs_a_version_with_ghost_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, state: State, hint: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    install(tmp_path, "nvim", f"echo '{version}'; echo 'Build type: Release'", monkeypatch)
    check = check_neovim()
    assert (check.state, check.found) == (state, version)
    assert hint in check.hint


def test_editors_that_are_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NVIM_APPNAME", raising=False)
    for program in ("nvim", "hx", "emacs"):
        install(tmp_path, program, f"echo {program} 1.0", monkeypatch)
    install(tmp_path, "code", "echo 1.128.0; echo fimbria.fimbria", monkeypatch)
    states = {check.name: check.state for check in check_editors()}
    assert states == dict.fromkeys(["Neovim", "Helix", "Emacs"], State.NOTE) | {"VS Code": "ok"}
    for editor in ("neovim", "helix", "emacs"):
        assert run(["setup", editor, "--yes"]) == 0
    assert {check.state for check in check_editors()} == {State.OK}


def test_an_editor_that_is_not_there_breaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check_neovim().state is State.NOTE
    assert check_vscode().state is State.NOTE


def test_an_editor_that_does_not_start_breaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "code", "exit 1", monkeypatch)
    assert check_vscode().found == "says nothing"
    install(tmp_path, "nvim", "exit 1", monkeypatch)
    assert check_neovim().state is State.NOTE
    assert "Too old" not in check_neovim().hint


def test_programs_that_are_none_break_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("code", "nvim"):
        install(tmp_path, name, "", monkeypatch)
        (tmp_path / name).write_bytes(b"\x7fELF of another machine")
    assert check_vscode().found == check_neovim().found == "says nothing"


def test_an_old_python_is_refused() -> None:
    assert check_python((3, 10)).state is State.BROKEN
    assert check_python((3, 11)).state is State.OK


def test_a_broken_torch_is_told_in_its_own_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_module, "_TORCH_PROBE", "raise ImportError('libtorch is gone')")
    check = check_torch()
    assert check.state is State.BROKEN
    assert check.found == "ImportError: libtorch is gone"


def test_a_torch_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", 120)

    monkeypatch.setattr(subprocess, "run", hang)
    assert check_torch().state is State.BROKEN


def test_a_missing_package_is_named() -> None:
    check = check_package("no-such-package")
    assert check.state is State.BROKEN
    assert "no-such-package" in check.hint


def test_a_missing_model_breaks_the_runtime(tmp_path: Path) -> None:
    spec = DaemonSpec(model=str(tmp_path / "absent"))
    assert check_model(spec).state is State.BROKEN
    assert check_model(DaemonSpec()).state is State.OK


def test_a_runtime_folder_that_is_a_file_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path / "file"))
    check = check_runtime_folder(DaemonSpec())
    assert check.state is State.BROKEN
    assert "FIMBRIA_RUNTIME_DIR" in check.hint


def test_what_dtype_and_adapter_need_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(checks_module, "check_torch", lambda: Check("", State.OK, ""))
    monkeypatch.setattr(checks_module, "check_editors", lambda: ())
    monkeypatch.setattr(checks_module, "version", absent)
    spec = DaemonSpec(dtype="nf4", adapter=str(tmp_path))
    found = {check.name: check for check in checks(spec)}
    assert found["bitsandbytes"].hint == 'pip install "fimbria[quant]"'
    assert found["peft"].hint == 'pip install "fimbria[lora]"'
    assert "no LoRA adapter" in found["Adapter"].found
    assert not {"bitsandbytes", "Adapter"} & {check.name for check in checks(DaemonSpec())}
