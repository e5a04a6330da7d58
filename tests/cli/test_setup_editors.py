"""`fimbria setup` for editors whose configuration it shares with the user, and for VS Code."""

from __future__ import annotations

import os
import sys
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


def test_helix_server_that_is_declared_is_not_declared_again(helix: Path) -> None:
    mine = '[language-server.fimbria]\ncommand = "mine"\nargs = ["lsp"]\n\n' + HELIX_MINE
    helix.parent.mkdir()
    helix.write_text(mine)
    assert setup("helix") == 0
    read = tomllib.loads(helix.read_text())
    assert read["language-server"]["fimbria"]["command"] == "mine"
    assert read["language"][1]["name"] == "python"


def test_helix_grammar_of_python_is_no_language(helix: Path) -> None:
    helix.parent.mkdir()
    helix.write_text('[[grammar]]\nname = "python"\nsource = { path = "/grammar" }\n')
    assert setup("helix") == 0
    assert [each["name"] for each in tomllib.loads(helix.read_text())["language"]] == ["python"]


@pytest.mark.parametrize(
    ("mine", "told"),
    [
        ('language = [{ name = "lua" }]\n', "by hand"),
        ("language = [\n", "no valid TOML"),
    ],
)
def test_helix_file_that_nothing_can_be_added_to_is_left_alone(
    helix: Path, capsys: pytest.CaptureFixture[str], mine: str, told: str
) -> None:
    helix.parent.mkdir()
    helix.write_text(mine)
    assert setup("helix") == 1
    assert told in capsys.readouterr().err
    assert helix.read_text() == mine


def test_emacs_configuration_elsewhere_is_not_hidden(emacs: Path, tmp_path: Path) -> None:
    """A folder `.emacs.d` would keep Emacs from looking into the one of XDG."""
    folder = tmp_path / "config" / "emacs"
    folder.mkdir(parents=True)
    (folder / "early-init.el").write_text(EMACS_MINE)
    assert setup("emacs") == 0
    assert (folder / "init.el").exists()
    assert not emacs.parent.exists()


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


OWN_LINES = {"helix": HELIX_MINE, "emacs": EMACS_MINE}
BEFORE = {
    "no file": lambda mine: None,
    "an empty file": lambda mine: "",
    "lines": lambda mine: mine,
    "no line break at the end": lambda mine: mine.rstrip(),
    "line breaks of DOS": lambda mine: mine.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("kind", BEFORE)
@pytest.mark.parametrize("editor", ["helix", "emacs"])
def test_twice_is_once_and_it_can_be_taken_back(
    editor: str, kind: str, request: pytest.FixtureRequest
) -> None:
    file: Path = request.getfixturevalue(editor)
    before = BEFORE[kind](OWN_LINES[editor])
    if before is not None:
        file.parent.mkdir(parents=True)
        file.write_bytes(before.encode())
    assert setup(editor) == 0
    once = file.read_bytes()
    assert once.startswith((before or "").encode())
    assert once.count(b"\r\n") in (0, once.count(b"\n"))
    assert setup(editor) == 0
    assert file.read_bytes() == once
    assert setup(editor, "--undo") == 0
    assert (file.read_bytes().decode() if file.exists() else None) == before


def test_what_was_written_around_the_block_since_stays(emacs: Path) -> None:
    emacs.parent.mkdir()
    emacs.write_text(EMACS_MINE)
    setup("emacs")
    later = "(menu-bar-mode -1)\n"
    emacs.write_text(emacs.read_text() + later)
    assert setup("emacs", "--undo") == 0
    assert emacs.read_text() == EMACS_MINE + later


@pytest.mark.parametrize("lost", [0, -1], ids=["first", "last"])
def test_a_damaged_block_is_the_users_to_mend(
    emacs: Path, capsys: pytest.CaptureFixture[str], lost: int
) -> None:
    setup("emacs")
    lines = emacs.read_text().splitlines(keepends=True)
    del lines[lost]
    damaged = "".join(lines)
    emacs.write_text(damaged)
    for options in [[], ["--undo"]]:
        assert setup("emacs", *options) == 1
        assert "changed since" in capsys.readouterr().err
        assert emacs.read_text() == damaged


def test_a_link_stays_one_and_files_beside_it_stay(emacs: Path, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    emacs.parent.mkdir()
    emacs.symlink_to(dotfiles / "init.el")
    (dotfiles / "init.el").write_text(EMACS_MINE)
    (dotfiles / "init.el.new").write_text("mine, too")
    setup("emacs")
    assert emacs.is_symlink()
    setup("emacs", "--undo")
    assert emacs.is_symlink()
    assert {file.name: file.read_text() for file in dotfiles.iterdir()} == {
        "init.el": EMACS_MINE,
        "init.el.new": "mine, too",
    }


def test_a_read_only_file_is_not_written(emacs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emacs.parent.mkdir()
    emacs.write_text(EMACS_MINE)
    emacs.chmod(0o444)
    assert setup("emacs") == 1
    assert "read-only" in capsys.readouterr().err
    assert emacs.read_text() == EMACS_MINE


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with an npm and a VS Code that note what they are told; the file of their notes."""
    notes = tmp_path / "notes"
    for name in ("npm", "code"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" in "$(basename "$PWD")" >> "{notes}"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
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


def test_vs_code_finds_a_program_that_is_not_on_the_path(programs: Path) -> None:
    link = programs.parent / "home" / ".local" / "bin" / "fimbria"
    assert setup("vscode") == 0
    assert link.readlink() == Path(sys.executable).with_name("fimbria")
    assert setup("vscode") == 0
    assert setup("vscode", "--undo") == 0
    assert not link.is_symlink()


@pytest.mark.parametrize("note", ["pipx_metadata.json", "uv-receipt.toml"])
def test_the_command_that_pipx_or_uv_have_made_is_left_alone(
    programs: Path, monkeypatch: pytest.MonkeyPatch, note: str
) -> None:
    monkeypatch.setattr(sys, "prefix", str(programs.parent))
    (programs.parent / note).touch()
    link = programs.parent / "home" / ".local" / "bin" / "fimbria"
    link.parent.mkdir(parents=True)
    link.symlink_to(Path(sys.executable).with_name("fimbria"))
    assert setup("vscode", "--undo") == 0
    assert link.is_symlink()


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
