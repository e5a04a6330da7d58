"""`fimbria setup`: makes an editor use Fimbria, after showing what that changes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from lsp_server.cli import setup_emacs, setup_helix, setup_neovim, setup_vscode
from lsp_server.cli.errors import CommandError, usage_error
from lsp_server.cli.setup_files import diff, make

if TYPE_CHECKING:
    from lsp_server.cli.setup_files import ChangeOf, FileChange


class Editor(StrEnum):
    """The editors that can be set up."""

    NEOVIM = "neovim"
    VSCODE = "vscode"
    HELIX = "helix"
    EMACS = "emacs"


@dataclass(frozen=True, slots=True)
class _Target:
    """change: what is to be written, or deleted again. afterwards: what the user does next."""

    change: ChangeOf
    afterwards: str


_TARGETS = {
    Editor.NEOVIM: _Target(setup_neovim.change, setup_neovim.AFTERWARDS),
    Editor.HELIX: _Target(setup_helix.change, setup_helix.AFTERWARDS),
    Editor.EMACS: _Target(setup_emacs.change, setup_emacs.AFTERWARDS),
}
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def setup(
    editor: Annotated[Editor, typer.Argument(help="Which editor.", show_default=False)],
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Make an editor use Fimbria, or, with --undo, no longer.

    Shows what changes in which file, or for VS Code what it runs, and asks first. Can be run again.
    """
    console = Console()
    if editor is Editor.VSCODE:
        _run_commands(console, undo=undo, yes=yes)
    else:
        _change_file(console, _TARGETS[editor], undo=undo, yes=yes)


def _run_commands(console: Console, *, undo: bool, yes: bool) -> None:
    commands = setup_vscode.commands(undo=undo)
    for command in commands:
        console.print(Text(str(command)), soft_wrap=True)
    if not yes and not _confirmed("Run this?"):
        raise CommandError("Nothing was changed.")
    for command in commands:
        setup_vscode.run(command)
    _say_done(console, "" if undo else setup_vscode.AFTERWARDS)


def _change_file(console: Console, target: _Target, *, undo: bool, yes: bool) -> None:
    try:
        change = target.change(undo=undo)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The configuration cannot be read: {error}.") from error
    if not change.is_needed:
        state = "has nothing of this command" if undo else "is as it should be"
        console.print(f"Nothing to do: {change.file} {state}.", highlight=False, soft_wrap=True)
        return
    _show(console, change)
    if not yes and not _confirmed("Write this?"):
        raise CommandError("Nothing was changed.")
    _made(change)
    _say_done(console, "" if undo else target.afterwards)


def _say_done(console: Console, afterwards: str) -> None:
    console.print(Text.assemble(("✓ ", "green"), f"Done. {afterwards}".strip()), soft_wrap=True)


def _show(console: Console, change: FileChange) -> None:
    for line in diff(change):
        console.print(Text(line, style=_COLOURS.get(line[:1], "")), soft_wrap=True)


def _confirmed(question: str) -> bool:
    if not sys.stdin or not sys.stdin.isatty():
        raise usage_error("there is no terminal to ask on; --yes writes without asking.")
    return typer.confirm(question)


def _made(change: FileChange) -> None:
    try:
        make(change)
    except OSError as error:
        raise CommandError(f"{change.file} cannot be written: {error.strerror}.") from error
