"""Where the editor tests' Neovim comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors import get_neovim
from tests.editors.get_neovim import Mirror, NoNeovimError


def sources(folder: Path, **files: str) -> Path:
    """Write apt's sources into `folder`: one file per argument, `__` for the dot in its name."""
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        (folder / "sources.list.d" / name.replace("__", ".")).write_text(text)
    return folder


def program(path: Path, banner: str) -> Path:
    """Write a program that prints `banner`."""
    path.write_text(f"#!/bin/sh\necho '{banner}'\n")
    path.chmod(0o755)
    return path


def test_mirror_from_a_stanza(tmp_path: Path) -> None:
    text = """\
# A comment.
Types: deb
# Another: one.
URIs: http://mirror.invalid/debian-security
Suites: stable-security

Types: deb deb-src
URIs: http://mirror.invalid/debian
Suites: stable stable-updates
Signed-By: /keys/debian.gpg
"""
    folder = sources(tmp_path, debian__sources=text)
    assert get_neovim.debian_mirror(folder) == Mirror(
        "http://mirror.invalid/debian", "/keys/debian.gpg"
    )


@pytest.mark.parametrize(
    ("line", "mirror"),
    [
        ("deb http://mirror.invalid/debian stable main", Mirror("http://mirror.invalid/debian")),
        (
            "deb [arch=amd64 signed-by=/keys/d.gpg] https://mirror.invalid/debian/ stable main",
            Mirror("https://mirror.invalid/debian/", "/keys/d.gpg"),
        ),
    ],
)
def test_mirror_from_a_line(tmp_path: Path, line: str, mirror: Mirror) -> None:
    text = f"# deb http://other.invalid/debian stable main\n{line}\n"
    assert get_neovim.debian_mirror(sources(tmp_path, debian__list=text)) == mirror


@pytest.mark.parametrize(
    "text",
    [
        "deb-src http://mirror.invalid/debian stable main",
        "deb http://mirror.invalid/ubuntu noble main",
        "",
    ],
)
def test_no_mirror(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoNeovimError, match="no Debian mirror"):
        get_neovim.debian_mirror(sources(tmp_path, other__list=text))


@pytest.mark.parametrize(
    ("banner", "enough"),
    [
        ("NVIM v0.12.4", True),
        ("NVIM v0.13.0-dev-1+g1", True),
        ("NVIM v1.0.0", True),
        ("NVIM v0.11.6", False),
        ("VIM 9.1", False),
    ],
)
def test_versions(tmp_path: Path, banner: str, enough: bool) -> None:
    assert get_neovim.is_new_enough(program(tmp_path / "nvim", banner)) == enough


def test_one_on_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = program(tmp_path / "nvim", "NVIM v0.12.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert get_neovim.neovim(tmp_path / "cache") == here


def test_without_apt_the_reason_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoNeovimError, match="no apt-get to fetch one with"):
        get_neovim.neovim(tmp_path / "cache")
