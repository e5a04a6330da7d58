"""`fimbria models`: which models there are, and what each can do."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from lsp_server.cli.errors import error_of
from lsp_server.cli.options import JsonOption
from model_runtime.api import RuntimeFailure
from model_runtime.models import STARTER, resolve_model


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model on this machine, as far as its files tell."""

    name: str
    folder: str
    weights_mib: float
    context_length: int
    capabilities: list[str]
    layouts: list[str]


def models(
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FOLDER]...", help="Model folders to describe, too.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models and what each can do: infill between two pieces of code, continue one."""
    try:
        entries = [describe_model(name) for name in [STARTER, *(folders or [])]]
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False))
        return
    _show(entries)


def describe_model(name: str) -> ModelEntry:
    """Read what a model's files say, without loading it. Raises RuntimeFailure."""
    from model_runtime.config import read_config
    from model_runtime.prompts import open_renderer

    folder = resolve_model(name)
    renderer = open_renderer(folder, read_config(folder))
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return ModelEntry(
        name=name,
        folder=str(folder),
        weights_mib=round(weights / 1024**2, 1),
        context_length=renderer.context_length,
        capabilities=sorted(capability.value for capability in renderer.capabilities),
        layouts=[layout.value for layout in renderer.layouts],
    )


def _show(entries: list[ModelEntry]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("Model", "Can", "Context", "Weights", "Folder"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        table.add_row(
            entry.name,
            ", ".join(entry.capabilities),
            f"{entry.context_length} tokens",
            f"{entry.weights_mib} MiB",
            entry.folder,
        )
    Console().print(table)
