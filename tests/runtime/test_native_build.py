"""The library is compiled once per machine, whatever else happens meanwhile."""

from __future__ import annotations

import ctypes
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_runtime.native import build
from model_runtime.native.build import NativeUnavailable, library_path


def fake_compiler(folder: Path, body: str) -> Path:
    """A compiler that notes every compilation in `folder`/calls."""
    file = folder / "fakecc"
    file.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo fake 1; exit; fi\n'
        f'echo "$*" >> {folder}/calls\n{body}\n',
        encoding="utf-8",
    )
    file.chmod(0o755)
    return file


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text(encoding="utf-8").splitlines()


WRITES_OUTPUT = 'while [ "$1" != -o ]; do shift; done; echo library > "$2"'


def test_the_second_call_finds_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", str(fake_compiler(tmp_path, WRITES_OUTPUT)))
    first = library_path(tmp_path / "cache")
    assert library_path(tmp_path / "cache") == first
    assert first.read_text(encoding="utf-8") == "library\n"
    assert len(calls(tmp_path)) == 1


def test_the_cache_folder_is_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", str(fake_compiler(tmp_path, WRITES_OUTPUT)))
    folder = library_path(tmp_path / "cache").parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_another_processor_or_source_gets_a_library_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", str(fake_compiler(tmp_path, WRITES_OUTPUT)))
    first = library_path(tmp_path / "cache")
    monkeypatch.setattr(build, "_processor", lambda: "another")
    second = library_path(tmp_path / "cache")
    changed = tmp_path / "llama.c"
    changed.write_text("int changed;", encoding="utf-8")
    monkeypatch.setattr(build, "SOURCE", changed)
    assert len({first, second, library_path(tmp_path / "cache")}) == 3


def test_flags_that_the_compiler_does_not_know_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picky = 'case "$*" in *-fopenmp*|*=native*) exit 1;; esac; ' + WRITES_OUTPUT
    monkeypatch.setenv("CC", str(fake_compiler(tmp_path, picky)))
    assert library_path(tmp_path / "cache").exists()
    assert len(calls(tmp_path)) == 4


def test_a_failing_compiler_leaves_nothing_behind_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing = "echo llama.c: too new >&2; exit 1"
    monkeypatch.setenv("CC", str(fake_compiler(tmp_path, failing)))
    with pytest.raises(NativeUnavailable, match="too new"):
        library_path(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("named", [None, "/nowhere/cc"])
def test_without_a_compiler_there_is_no_library(
    named: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    if named is not None:
        monkeypatch.setenv("CC", named)
    with pytest.raises(NativeUnavailable):
        library_path(tmp_path / "cache")


def test_a_folder_that_cannot_be_used_is_no_crash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", str(fake_compiler(tmp_path, WRITES_OUTPUT)))
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    with pytest.raises(NativeUnavailable, match="cache folder"):
        library_path(tmp_path / "cache")


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_two_daemons_at_once_both_get_a_whole_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small = tmp_path / "small.c"
    small.write_text("int answer(void) { return 42; }\n", encoding="utf-8")
    monkeypatch.setattr(build, "SOURCE", small)
    with ThreadPoolExecutor(2) as pool:
        found = set(pool.map(library_path, [tmp_path / "cache"] * 2))
    assert len(found) == 1
    assert ctypes.CDLL(str(found.pop())).answer() == 42
    assert len(list((tmp_path / "cache").iterdir())) == 1
