"""Which failures of fetching and building the VS Code tests' tools may be excused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.get_vscode import Tools, main


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """All that there is to fetch, without Chromium and anything that could fetch one."""
    monkeypatch.setenv("PATH", "")
    wanted = Tools(tmp_path / "cache", tmp_path / "source")
    (wanted.source / "node_modules").mkdir(parents=True)
    (wanted.source / "package-lock.json").touch()
    (wanted.source / "node_modules" / ".package-lock.json").touch()
    wanted.packages.mkdir(parents=True)
    (wanted.packages / ".complete").touch()
    wanted.node.parent.mkdir()
    wanted.node.touch()
    follow(wanted, "exit 0")
    return wanted


def follow(wanted: Tools, script: str) -> None:
    """Let a script be npm; it notes how it was called."""
    noted = wanted.home / "called"
    wanted.npm.write_text(f'#!/bin/sh\necho "$@" >> {noted}\n{script}\n', encoding="utf-8")
    wanted.npm.chmod(0o755)


def called(wanted: Tools) -> list[str]:
    return (wanted.home / "called").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("broken", ["package", "check", "test"])
def test_an_extension_that_is_broken_is_never_excused(
    wanted: Tools, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    follow(wanted, f'case "$*" in *{broken}) echo "{broken} is broken"; exit 1;; esac')
    assert main(["check", "--if-possible"], wanted) == 1
    assert f"{broken} is broken" in capsys.readouterr().err


def test_a_browser_that_cannot_be_fetched_is_excused_and_the_checks_are_run(
    wanted: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--if-possible"], wanted) == 0
    assert "no chromium on PATH" in capsys.readouterr().err
    assert called(wanted) == ["run --silent package", "run --silent check", "test"]
    assert main(["check"], wanted) == 1


def test_packages_that_cannot_be_fetched_are_excused_where_that_is_wished(wanted: Tools) -> None:
    (wanted.source / "node_modules" / ".package-lock.json").unlink()
    follow(wanted, "exit 1")
    assert main(["check", "--if-possible"], wanted) == 0
    assert main(["check"], wanted) == 1
