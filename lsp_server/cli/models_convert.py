"""`fimbria models convert`: from Meta's format to the one that Fimbria reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lsp_server.cli.errors import CommandError, error_of
from lsp_server.cli.session import loading_bar
from model_runtime.api import RuntimeFailure


def convert(
    source: Annotated[
        Path,
        typer.Argument(metavar="META_FOLDER", help="Holds consolidated.00.pth and params.json."),
    ],
    target: Annotated[Path, typer.Argument(metavar="NEW_FOLDER", help="Is made.")],
) -> None:
    """Convert a checkpoint as Meta distributes it; the original stays as it is."""
    from model_runtime.hub_meta import convert as convert_checkpoint

    source, target = source.expanduser(), target.expanduser().absolute()
    try:
        with loading_bar() as report:
            convert_checkpoint(source, target, report)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    except OSError as error:
        raise CommandError(f"{error.filename or target}: {error.strerror}.") from error
    console = Console()
    console.print(f"[green]✓[/green] Converted: {target}", highlight=False, soft_wrap=True)
    console.print(
        f"[dim]  fimbria models use {target}   for editors and commands from now on[/dim]",
        highlight=False,
        soft_wrap=True,
    )
