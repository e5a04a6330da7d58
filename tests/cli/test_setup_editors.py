"""`fimbria setup` for editors whose configuration it shares with the user, and for VS Code."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from lsp_server.cli.app import run

HELIX_MINE = '[[language]]\nname = "lua"\nindent = { tab-width = 2, unit = "  " }\n'
EMACS_MINE = "(setq inhibit-startup-screen t)\n"


@pytest.fixture
def helix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "helix" / "languages.toml"


@pytest.fixture
def emacs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / ".emacs.d" / "init.el"


def setup(editor: str, *options: str) -> int:
    return run(["setup", editor, "--yes", *options])


def test_helix_gets_a_server_for_python_beside_its_own(helix: Path) -> None:
    helix.parent.mkdir()
    helix.write_text(HELIX_MINE)
    assert setup("helix") == 0
    read = tomllib.loads(helix.read_text())
    assert read["language-server"]["fimbria"]["args"] == ["lsp"]
    lua, python = read["language"]
    assert lua["name"] == "lua"
    assert python["language-servers"][-1] == "fimbria"


def test_helix_servers_that_somebody_has_chosen_are_left_alone(
    helix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = '[[language]]\nname = "python"\nlanguage-servers = ["pyright"]\n'
    helix.parent.mkdir()
    helix.write_text(mine)
    assert setup("helix") == 1
    assert 'add "fimbria"' in capsys.readouterr().err
    assert helix.read_text() == mine


def test_emacs_starts_the_server_with_eglot(emacs: Path) -> None:
    assert setup("emacs") == 0
    text = emacs.read_text()
    assert "eglot-server-programs" in text
    assert text.count("(") == text.count(")")


def test_emacs_init_file_is_the_one_that_emacs_reads(emacs: Path) -> None:
    older = emacs.parent.with_name(".emacs")
    older.write_text(EMACS_MINE)
    assert setup("emacs") == 0
    assert older.read_text().startswith(EMACS_MINE)
    assert not emacs.exists()


@pytest.mark.parametrize("before", [None, EMACS_MINE, "; no line break at the end"])
@pytest.mark.parametrize("editor", ["helix", "emacs"])
def test_twice_is_once_and_it_can_be_taken_back(
    editor: str, before: str | None, request: pytest.FixtureRequest
) -> None:
    file: Path = request.getfixturevalue(editor)
    if before is not None:
        file.parent.mkdir(parents=True)
        file.write_text(before)
    assert setup(editor) == 0
    once = file.read_text()
    assert setup(editor) == 0
    assert file.read_text() == once
    assert setup(editor, "--undo") == 0
    assert (file.read_text().rstrip("\n") if file.exists() else None) == (
        before.rstrip("\n") if before else None
    )


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with an npm and a VS Code that note what they are told; the file of their notes."""
    notes = tmp_path / "notes"
    for name in ("npm", "code"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" in "$(basename "$PWD")" >> "{notes}"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return notes


def test_vs_code_gets_the_extension_that_is_built(
    programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup("vscode") == 0
    ci, package, install = programs.read_text().splitlines()
    assert ci.startswith("npm ci")
    assert package == "npm run package in vscode"
    assert install.startswith("code --install-extension dist/fimbria.vsix")
    assert "Reload" in capsys.readouterr().out
    assert setup("vscode", "--undo") == 0
    assert "--uninstall-extension fimbria.fimbria" in programs.read_text()


def test_vs_code_fails_with_the_command_that_failed(
    programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (programs.parent / "npm").write_text("#!/bin/sh\nexit 3\n")
    assert setup("vscode") == 1
    assert "npm ci" in capsys.readouterr().err
    assert not programs.exists()


def test_vs_code_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup("vscode") == 1
    assert "no VS Code on your PATH" in capsys.readouterr().err
