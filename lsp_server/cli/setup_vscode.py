"""What `fimbria setup vscode` runs: the extension is built from the checkout and installed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server.cli.errors import CommandError
from lsp_server.cli.setup_files import own_program

AFTERWARDS = "Reload VS Code's window, open a file and type."
EXTENSION = "fimbria.fimbria"
_EDITORS = ("code", "codium", "code-insiders", "cursor", "code-server")
_PACKAGE = Path("dist", "fimbria.vsix")
_NOTES_OF_TOOLS = ("pipx_metadata.json", "uv-receipt.toml")


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
        uninstall = Command((editor, "--uninstall-extension", EXTENSION), Path.cwd())
        return [uninstall, *_unlinking()]
    folder, npm = source_folder(), _program("Node 22.18 or newer with npm", ("npm",))
    return [
        Command((npm, "ci", "--no-audit", "--no-fund"), folder),
        Command((npm, "run", "package"), folder),
        Command((editor, "--install-extension", str(_PACKAGE), "--force"), folder),
        *_linking(),
    ]


def _link() -> Path:
    """A place where the extension looks for the program even if it is not on the PATH."""
    return Path.home() / ".local" / "bin" / "fimbria"


def _linking() -> Iterator[Command]:
    """Make a program that is not on the PATH one that the extension finds."""
    program, link = own_program(), _link()
    if sys.platform == "win32" or not os.path.isabs(program) or os.path.lexists(link):
        return
    yield Command(("mkdir", "-p", str(link.parent)), Path.home())
    yield Command(("ln", "-s", program, str(link)), Path.home())


def _unlinking() -> Iterator[Command]:
    """Take that back, if the link leads to this program, and is not the one by which pipx or uv
    make it a command: those note in its environment that they made that.
    """
    if any(Path(sys.prefix, note).exists() for note in _NOTES_OF_TOOLS):
        return
    program = Path(sys.executable).with_name("fimbria")
    if _link().is_symlink() and os.readlink(_link()) == str(program):
        yield Command(("rm", str(_link())), Path.home())


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
