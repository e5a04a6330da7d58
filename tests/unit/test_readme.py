"""README shows what the program knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from lsp_server.cli.app import make_app
from lsp_server.settings import DTYPES
from model_runtime.api import Capability
from model_runtime.families import FAMILIES
from model_runtime.families.__main__ import main
from model_runtime.families.markdown import BEGIN, END, with_families
from model_runtime.sharing import SHARED
from tests.conftest import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
LOADING_FLAGS = ("--dtype", "--device", "--adapter", "--context-length", "--kv-memory")


def test_the_table_of_models_is_the_family_table() -> None:
    """If not: python -m model_runtime.families README.md"""
    assert with_families(README) == README
    table = README.partition(BEGIN)[2].partition(END)[0]
    for family in FAMILIES:
        assert f"\n| {family.title} |" in table


def test_the_command_rewrites_only_what_is_between_the_markers(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"# Before\n{BEGIN}old\n{END}after\n", encoding="utf-8")
    main([str(file)])
    written = file.read_text(encoding="utf-8")
    assert written.startswith(f"# Before\n{BEGIN}\n| Family |")
    assert written.endswith(f"|\n\n{END}after\n")
    assert "old" not in written
    file.write_text("no markers\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="markers"):
        main([str(file)])
    assert file.read_text(encoding="utf-8") == "no markers\n"


def test_the_commands_and_options_that_it_shows_exist() -> None:
    app = get_command(make_app())
    shown = re.findall(r"^.*?\bfimbria ((?:console|chat|models)\b[^#\n]*)", README, re.MULTILINE)
    assert len(shown) > 8
    for line in shown:
        name, *words = line.replace("`", " ").split()
        command = app.commands[name]
        if words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words[0]]
        known = {option for one in command.params for option in one.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("word", [*DTYPES, *SHARED, *LOADING_FLAGS])
def test_how_a_model_is_loaded_is_all_in_it(word: str) -> None:
    section = README.partition("How it is loaded,")[2].partition("\n## ")[0]
    assert f"`{word}`" in section


@pytest.mark.parametrize("capability", list(Capability))
def test_every_capability_of_the_console_is_in_it(capability: Capability) -> None:
    section = README.partition("## In the terminal\n")[2].partition("\n## ")[0]
    words = {"completion": "what follows it", "chat": "fimbria chat"}
    assert words.get(capability.value, f"--capability {capability.value}") in section


def test_every_command_about_models_is_in_its_section() -> None:
    section = README.partition("## Models\n")[2].partition("\n## ")[0]
    for name in get_command(make_app()).commands["models"].commands:
        if name != "list":  # what `fimbria models` does
            assert f"\n$ fimbria models {name} " in section, name
