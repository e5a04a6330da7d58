"""`fimbria models pull` and `remove`: what lies in the Hugging Face cache."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lsp_server.cli.errors import CommandError, error_of, usage_error
from lsp_server.cli.options import JsonOption
from model_runtime.api import RuntimeFailure
from model_runtime.hub_cache import (
    is_adapter,
    is_hub_name,
    remove_model,
    repository_folder,
    size_on_disk,
)

if TYPE_CHECKING:
    from model_runtime.hub import Report, Transfer

HubArgument = Annotated[
    str,
    typer.Argument(
        metavar="OWNER/NAME",
        help="The model's name on the hub, such as codellama/CodeLlama-7b-hf.",
        show_default=False,
    ),
]


def pull(model: HubArgument, as_json: JsonOption = False) -> None:
    """Download a model, or a LoRA adapter, from the Hugging Face hub.

    May be interrupted: the same command goes on where it was. Of the files only those are taken
    that Fimbria reads: configuration, tokenizer, safetensors weights.
    """
    from model_runtime import hub

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        with _transfer_bar(model) as report:
            folder = hub.pull(model, report)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    except KeyboardInterrupt:
        sys.stderr.write(f"Stopped; `fimbria models pull {model}` goes on from here.\n")
        raise
    if as_json:
        typer.echo(json.dumps({"name": model, "folder": str(folder)}))
        return
    _say_what_next(model, folder)


def remove(
    model: HubArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete a downloaded model from the Hugging Face cache, which other programs share."""
    folder = repository_folder(model) if is_hub_name(model) else None
    if folder is None or not folder.is_dir():
        raise usage_error(
            f"{model} is not in the Hugging Face cache. `fimbria models` lists what is there; "
            "folders of your own are yours to delete."
        )
    _check_unused(model, folder)
    size = f"{size_on_disk(folder) / 2**30:.2f} GiB"
    if not yes and not _confirmed(f"Delete {model} ({size}) from {folder.parent}?"):
        raise CommandError(f"{model} was kept.")
    try:
        num_bytes = remove_model(model)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}.") from error
    typer.echo(f"Deleted {model}: {num_bytes / 2**30:.2f} GiB are free again.")


def _check_unused(model: str, folder: Path) -> None:
    """A daemon would go on with a model that is no longer there, and never find it again."""
    from model_runtime.client import running_daemons

    real = folder.resolve()
    if any(Path(one.model).is_relative_to(real) for one in running_daemons()):
        raise CommandError(f"{model} is loaded. End its daemon first: fimbria stop --model {model}")


def _confirmed(question: str) -> bool:
    if not sys.stdin or not sys.stdin.isatty():
        raise usage_error("there is no terminal to ask on; --yes deletes without asking.")
    return typer.confirm(question)


def _say_what_next(model: str, folder: Path) -> None:
    console = Console()
    console.print(f"[green]✓[/green] {model} is in {folder}", highlight=False, soft_wrap=True)
    if is_adapter(folder):
        advice = (
            f"  --adapter {model}   lays it over the model that a command names\n"
            f'  adapter = "{model}" in config.toml does so from now on'
        )
    else:
        advice = (
            f"  fimbria models use {model}      for editors and commands from now on\n"
            f"  fimbria models memory {model}   what it takes"
        )
    console.print(advice, style="dim", highlight=False, soft_wrap=True, markup=False)


@contextmanager
def _transfer_bar(model: str) -> Iterator[Report]:
    """A bar with speed and time left on a terminal, else a line per file, on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_per_file(console)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"Asking for {model}", total=None)

        def show(transfer: Transfer) -> None:
            bar.update(
                task, description=transfer.file, completed=transfer.done, total=transfer.total
            )

        yield show


def _line_per_file(console: Console) -> Report:
    last = ""

    def show(transfer: Transfer) -> None:
        nonlocal last
        if transfer.file != last:
            last = transfer.file
            share = f"{transfer.done / 2**20:.0f} of {transfer.total / 2**20:.0f} MiB"
            console.print(f"{last} ({share})", highlight=False, markup=False, soft_wrap=True)

    return show
