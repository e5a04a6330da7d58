"""`fimbria setup`: what it shows and writes, that it can be repeated and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.cli.app import run
from lsp_server.cli.setup_neovim import plugin_folder


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that Neovim is to read."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NVIM_APPNAME", raising=False)
    return tmp_path / "config" / "nvim" / "plugin" / "fimbria-setup.lua"


def test_the_change_is_shown_and_made(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["setup", "neovim", "--yes"]) == 0
    text = written.read_text(encoding="utf-8")
    shown = capsys.readouterr().out
    assert all(f"+{line}" in shown for line in text.splitlines())
    assert str(written) in shown
    assert f'"{plugin_folder()}"' in text


def test_a_second_time_changes_nothing(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["setup", "neovim", "--yes"])
    before = written.stat().st_mtime_ns
    capsys.readouterr()
    assert run(["setup", "neovim"]) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert written.stat().st_mtime_ns == before


def test_it_is_taken_back(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["setup", "neovim", "--yes"])
    assert run(["setup", "neovim", "--undo", "--yes"]) == 0
    assert not written.exists()
    assert run(["setup", "neovim", "--undo"]) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_nothing_is_written_unasked(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no terminal here to answer on."""
    assert run(["setup", "neovim"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert not written.exists()


@pytest.mark.parametrize("arguments", [[], ["--undo"]], ids=["write", "undo"])
def test_a_file_of_the_users_own_is_left_alone(
    written: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    written.parent.mkdir(parents=True)
    written.write_text("-- mine\n")
    assert run(["setup", "neovim", "--yes", *arguments]) == 1
    assert str(written) in capsys.readouterr().err
    assert written.read_text() == "-- mine\n"


def test_an_older_version_of_it_is_replaced(written: Path) -> None:
    run(["setup", "neovim", "--yes"])
    text = written.read_text()
    written.write_text(text.replace("fs_stat(folder)", "fs_stat('elsewhere')"))
    assert run(["setup", "neovim", "--yes"]) == 0
    assert written.read_text() == text


def test_a_program_that_is_not_on_the_path_is_named(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    run(["setup", "neovim", "--yes"])
    assert "cmd = " in written.read_text()
