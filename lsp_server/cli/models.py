"""`fimbria models`: which models there are, what each can do and takes, and which one is used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import typer

from lsp_server.cli.errors import error_of
from lsp_server.cli.models_convert import convert
from lsp_server.cli.models_memory import memory
from lsp_server.cli.models_pull import pull, remove
from lsp_server.cli.models_size import num_parameters_on_disk
from lsp_server.cli.models_table import show_model, show_models
from lsp_server.cli.models_use import use
from lsp_server.cli.options import JsonOption, ModelArgument
from lsp_server.user_config import user_settings
from model_runtime.api import Capability, RuntimeFailure
from model_runtime.hub_cache import CachedModel, cached_models, is_hub_name
from model_runtime.models import STARTER, resolve_model

HELP = (
    "List the models on this machine, download others, and choose the one that is used.\n\n"
    "A model is [bold]starter[/bold] (built in), a folder with a checkpoint in Hugging Face "
    "format, or a name of the Hugging Face hub, such as codellama/CodeLlama-7b-hf."
)
EPILOG = """[bold]Examples[/bold]
  fimbria models                                     what is here and in use
  fimbria models memory codellama/CodeLlama-7b-hf    would it fit into memory?
  fimbria models pull codellama/CodeLlama-7b-hf      download it, or go on
  fimbria models use codellama/CodeLlama-7b-hf       from now on
  fimbria models info starter                        what it can do

[dim]Downloads are kept in the Hugging Face cache, which other programs share: HF_HOME moves it,
HF_TOKEN or `hf auth login` opens gated models, HF_HUB_OFFLINE=1 forbids downloading.[/dim]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A model on this machine, as far as its files tell. problem: why it cannot be used."""

    name: str
    folder: str
    weights_mib: float
    num_parameters: int | None = None
    in_use: bool = False
    context_length: int | None = None
    capabilities: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    family: str = ""
    problem: str | None = None


def make_models_app() -> typer.Typer:
    """The commands below `fimbria models`."""
    app = typer.Typer(help=HELP, epilog=EPILOG, rich_markup_mode="rich")
    app.callback(invoke_without_command=True)(_bare)
    app.command("list")(list_models)
    app.command()(info)
    app.command()(memory)
    app.command()(pull)
    app.command()(use)
    app.command()(remove)
    app.command()(convert)
    return app


def _bare(ctx: typer.Context, as_json: JsonOption = False) -> None:
    if ctx.invoked_subcommand is None:
        list_models(as_json=as_json)


def list_models(as_json: JsonOption = False) -> None:
    """List what is on this machine: the starter, downloads, and the folder in use."""
    entries = list(_entries())
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False))
        return
    show_models(entries)


def info(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Tell what a model can do; of official Code Llama checkpoints also before they are here.

    Reads the model's files and loads nothing.
    """
    entry = _describe(model)
    if as_json:
        typer.echo(json.dumps(asdict(entry), ensure_ascii=False))
        return
    show_model(entry)


def describe_model(name: str) -> ModelEntry:
    """Read what a model's files say, without loading it. Raises RuntimeFailure."""
    from model_runtime.config import read_config
    from model_runtime.prompt_opening import open_renderer
    from model_runtime.weight_files import check_files

    folder = resolve_model(name)
    renderer = open_renderer(folder, read_config(folder))
    check_files(folder)
    return ModelEntry(
        name=name,
        folder=str(folder),
        weights_mib=_weights_mib(folder),
        num_parameters=num_parameters_on_disk(folder),
        context_length=renderer.context_length,
        capabilities=tuple(sorted(capability.value for capability in renderer.capabilities)),
        layouts=tuple(layout.value for layout in renderer.layouts),
        family=renderer.family.name,
    )


def describe_official(name: str) -> ModelEntry | None:
    """An official Code Llama checkpoint by its name alone; None for other names."""
    from model_runtime.capabilities import official_capabilities, official_name
    from model_runtime.families import CODE_LLAMA
    from model_runtime.memory_plan_shapes import llama_counts, official_config

    capabilities, config = official_capabilities(name), official_config(name)
    if capabilities is None or config is None:
        return None
    infills = Capability.INFILLING in capabilities
    num_parameters = llama_counts(config).total
    return ModelEntry(
        name=name,
        folder="",
        weights_mib=_mib(2 * num_parameters),
        num_parameters=num_parameters,
        context_length=config.context_length,
        capabilities=tuple(sorted(capability.value for capability in capabilities)),
        layouts=tuple(layout.value for layout in CODE_LLAMA.layouts) if infills else (),
        family=CODE_LLAMA.name,
        problem=f"not downloaded; fimbria models pull {official_name(name)}",
    )


def _describe(name: str) -> ModelEntry:
    """What the model's files say, or else its name."""
    try:
        return replace(describe_model(name), in_use=name == _chosen())
    except RuntimeFailure as failure:
        official = None if _is_here(name) else describe_official(name)
        if official is None:
            raise error_of(failure) from failure
        return replace(official, in_use=name == _chosen())


def _is_here(name: str) -> bool:
    """Whether it is more than a name: what is wrong with its files goes before what is known."""
    try:
        resolve_model(name)
    except RuntimeFailure:
        return False
    return True


def _entries() -> Iterator[ModelEntry]:
    """The starter, what has been downloaded, and what the configuration names besides."""
    chosen = _chosen()
    downloads = list(cached_models())
    names = [STARTER, *(one.name for one in downloads)]
    yield _entry(STARTER, chosen)
    for download in downloads:
        yield _download_entry(download, chosen)
    if chosen not in names:
        yield _entry(chosen, chosen)


def _entry(name: str, chosen: str) -> ModelEntry:
    try:
        return replace(describe_model(name), in_use=name == chosen)
    except RuntimeFailure as failure:
        return ModelEntry(
            name=name,
            folder="" if is_hub_name(name) else name,
            weights_mib=0.0,
            in_use=name == chosen,
            problem=str(failure),
        )


def _download_entry(download: CachedModel, chosen: str) -> ModelEntry:
    if download.missing is None:
        return replace(_entry(download.name, chosen), weights_mib=_mib(download.num_bytes))
    return ModelEntry(
        name=download.name,
        folder=str(download.folder),
        weights_mib=_mib(download.num_bytes),
        in_use=download.name == chosen,
        problem=f"{download.missing} is missing; fimbria models pull {download.name}",
    )


def _chosen() -> str:
    """The model that commands use when none is named."""
    settings, _, _ = user_settings()
    return os.environ.get("FIMBRIA_MODEL") or settings.model


def _weights_mib(folder: Path) -> float:
    return _mib(sum(file.stat().st_size for file in folder.glob("*.safetensors")))


def _mib(num_bytes: int) -> float:
    return round(num_bytes / 1024**2, 1)
