"""What `fimbria setup vscode` runs: the extension is built from the checkout and installed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server.cli.errors import CommandError

AFTERWARDS = "Reload VS Code's window, open a file and type."
EXTENSION = "fimbria.fimbria"
_EDITORS = ("code", "codium", "code-insiders", "cursor")
_PACKAGE = Path("dist", "fimbria.vsix")


@dataclass(frozen=True, slots=True)
class Command:
    """A command and the folder in which it is run."""

    arguments: tuple[str, ...]
    folder: Path

    def __str__(self) -> str:
        return f"(cd {shlex.quote(str(self.folder))} && {shlex.join(self.arguments)})"


def commands(*, undo: bool) -> list[Command]:
    """What is to be run. Raises CommandError for a program or source that is not there."""
    editor = _program("VS Code", _EDITORS)
    if undo:
        return [Command((editor, "--uninstall-extension", EXTENSION), Path.cwd())]
    folder, npm = source_folder(), _program("Node 22.18 or newer with npm", ("npm",))
    return [
        Command((npm, "ci", "--no-audit", "--no-fund"), folder),
        Command((npm, "run", "package"), folder),
        Command((editor, "--install-extension", str(_PACKAGE), "--force"), folder),
    ]


def source_folder() -> Path:
    """The extension's source, in the checkout that runs. Raises CommandError."""
    folder = Path(__file__).resolve().parents[2] / "editors" / "vscode"
    if not (folder / "package.json").is_file():
        raise CommandError(
            "The extension is built from a checkout of Fimbria, and this is an installed package. "
            "Run this command from the checkout: .venv/bin/fimbria setup vscode."
        )
    return folder


def run(command: Command) -> None:
    """Run a command; its output goes to the terminal. Raises CommandError when it fails."""
    try:
        done = subprocess.run(command.arguments, cwd=command.folder, check=False)
    except OSError as error:
        raise CommandError(f"{command.arguments[0]} cannot be run: {error.strerror}.") from error
    if done.returncode:
        raise CommandError(f"This has failed: {command}. What it says is above.")


def _program(what: str, names: Sequence[str]) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise CommandError(f"There is no {what} on your PATH ({' or '.join(names)}).")
    return found
