"""What the extension's package.json says agrees with the server."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp_server import __version__
from lsp_server.settings import Settings, apply

EXTENSION = Path(__file__).resolve().parents[2] / "editors" / "vscode"


@pytest.fixture(scope="module")
def package() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(EXTENSION / "scripts" / "contribute_settings.py"))


def test_the_settings_are_those_of_the_server(
    package: dict[str, Any], script: dict[str, Any]
) -> None:
    """If not, run editors/vscode/scripts/contribute_settings.py."""
    assert script["written"](package) == script["written"](script["with_settings"](package))


def test_the_server_takes_every_default(package: dict[str, Any]) -> None:
    defaults = {
        name.removeprefix("fimbria."): schema["default"]
        for section in package["contributes"]["configuration"]
        if section["title"] == "Server"
        for name, schema in section["properties"].items()
    }
    del defaults["logFile"]  # the extension does not send an empty one
    assert apply(Settings(), defaults, "VS Code") == (Settings(), [])


def test_every_setting_is_described(package: dict[str, Any]) -> None:
    for section in package["contributes"]["configuration"]:
        for name, schema in section["properties"].items():
            assert schema["markdownDescription"].endswith((".", "…")), name


def test_extension_and_server_have_one_version(package: dict[str, Any]) -> None:
    assert package["version"] == __version__


def test_every_command_is_there_and_can_be_reached(package: dict[str, Any]) -> None:
    contributed = {entry["command"] for entry in package["contributes"]["commands"]}
    named = set(commands_in(package["contributes"]["menus"]))
    named |= set(commands_in(package["contributes"]["keybindings"]))
    assert named <= contributed
    assert contributed <= set(registered_commands())


def registered_commands() -> Iterator[str]:
    """The keys of the tables of commands, and those that are registered by their whole names."""
    for name in "commands.ts", "chat/provider.ts", "proposals.ts":
        source = (EXTENSION / "src" / name).read_text(encoding="utf-8")
        without_imports = re.sub(r"^import .*?;$", "", source, flags=re.DOTALL | re.MULTILINE)
        for key in re.findall(r"^ +(\w+)(?:: (?![A-Z])|,$)", without_imports, re.MULTILINE):
            yield f"fimbria.{key}"
        for constant in re.findall(r"registerCommand\((\w+),", source):
            yield from re.findall(rf'{constant} = "([\w.]+)"', source)
        yield from re.findall(r'registerCommand\("([\w.]+)"', source)


def commands_in(contributed: object) -> Iterator[str]:
    if isinstance(contributed, dict):
        if "command" in contributed:
            yield contributed["command"]
        for value in contributed.values():
            yield from commands_in(value)
    elif isinstance(contributed, list):
        for value in contributed:
            yield from commands_in(value)


def test_the_lock_file_names_no_registry(package: dict[str, Any]) -> None:
    lock = json.loads((EXTENSION / "package-lock.json").read_text(encoding="utf-8"))
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
