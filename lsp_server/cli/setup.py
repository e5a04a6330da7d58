"""`fimbria setup`: makes an editor use Fimbria, after showing what that changes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.console import Console
from rich.text import Text

from lsp_server.cli import setup_neovim
from lsp_server.cli.errors import CommandError, usage_error
from lsp_server.cli.setup_files import diff, make

if TYPE_CHECKING:
    from lsp_server.cli.setup_files import FileChange


class Editor(StrEnum):
    """The editors that can be set up."""

    NEOVIM = "neovim"


class _ChangeOf(Protocol):
    def __call__(self, *, undo: bool) -> FileChange: ...


@dataclass(frozen=True, slots=True)
class _Target:
    """change: what is to be written, or deleted again. afterwards: what the user does next."""

    change: _ChangeOf
    afterwards: str


_TARGETS = {Editor.NEOVIM: _Target(setup_neovim.change, setup_neovim.AFTERWARDS)}
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def setup(
    editor: Annotated[Editor, typer.Argument(help="Which editor.", show_default=False)],
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Make an editor use Fimbria, or, with --undo, no longer.

    Shows what changes in which file, and asks before it writes. Can be run again.
    """
    target = _TARGETS[editor]
    try:
        change = target.change(undo=undo)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The configuration cannot be read: {error}.") from error
    console = Console()
    if not change.is_needed:
        state = "is not there" if undo else "is as it should be"
        console.print(f"Nothing to do: {change.file} {state}.", highlight=False, soft_wrap=True)
        return
    _show(console, change)
    if not yes and not _confirmed():
        raise CommandError("Nothing was changed.")
    _made(change)
    done = "Done. " + ("" if undo else target.afterwards)
    console.print(Text.assemble(("✓ ", "green"), done.strip()), soft_wrap=True)


def _show(console: Console, change: FileChange) -> None:
    for line in diff(change):
        console.print(Text(line, style=_COLOURS.get(line[:1], "")), soft_wrap=True)


def _confirmed() -> bool:
    if not sys.stdin or not sys.stdin.isatty():
        raise usage_error("there is no terminal to ask on; --yes writes without asking.")
    return typer.confirm("Write this?")


def _made(change: FileChange) -> None:
    try:
        make(change)
    except OSError as error:
        raise CommandError(f"{change.file} cannot be written: {error.strerror}.") from error
