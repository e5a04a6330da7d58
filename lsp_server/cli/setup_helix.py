"""What `fimbria setup helix` writes into Helix's `languages.toml`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from lsp_server.cli.errors import CommandError
from lsp_server.cli.setup_blocks import read_block_file
from lsp_server.cli.setup_files import FileChange, configuration_folder, own_program

AFTERWARDS = "Open a Python file in Helix and type; :log-open says what went wrong."
# What Helix 25.07 starts for Python by itself; it leaves out those that are not installed.
_SERVERS = ("ty", "ruff", "jedi", "pylsp", "fimbria")


def change(*, undo: bool) -> FileChange:
    """What is to be done to `languages.toml`. Raises CommandError, OSError, UnicodeDecodeError."""
    found = read_block_file(configuration_folder("helix") / "languages.toml", "#")
    if undo:
        return found.without_block()
    theirs = _parsed(found.file, found.others)
    languages = theirs.get("language", [])
    if any(language.get("name") == "python" for language in languages):
        raise CommandError(_by_hand(found.file, has_server=_has_server(theirs)))
    tables = [] if _has_server(theirs) else [_server_table()]
    servers = json.dumps(list(_SERVERS))
    tables.append(f'[[language]]\nname = "python"\nlanguage-servers = {servers}')
    changed = found.with_block("\n\n".join(tables))
    _check(changed)
    return changed


def _parsed(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"{file} is no valid TOML: {error}. Helix does not read it.") from error


def _has_server(configuration: dict[str, Any]) -> bool:
    return "fimbria" in configuration.get("language-server", {})


def _by_hand(file: Path, *, has_server: bool) -> str:
    text = f'{file} says already which servers Python has: add "fimbria" to its language-servers'
    if has_server:
        return f"{text}; the server itself is declared."
    table = f'language-server.fimbria = {{ command = {_command()}, args = ["lsp"] }}'
    return f"{text}, and as the file's first line this: {table}"


def _server_table() -> str:
    return f'[language-server.fimbria]\ncommand = {_command()}\nargs = ["lsp"]'


def _command() -> str:
    return json.dumps(own_program(), ensure_ascii=False)


def _check(changed: FileChange) -> None:
    """Tables in the user's own notation can be such that none can be added behind them."""
    try:
        tomllib.loads(changed.after or "")
    except tomllib.TOMLDecodeError as error:
        raise CommandError(
            f"{changed.file} is written so that nothing can be added at its end ({error}). Add "
            f"Fimbria by hand: docs/editors.md has the lines."
        ) from error
