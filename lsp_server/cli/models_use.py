"""`fimbria models use`: which model editors and commands take when none is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lsp_server.cli.errors import CommandError, error_of
from lsp_server.user_config import write_setting
from model_runtime.api import Capability, RuntimeFailure
from model_runtime.hub_cache import cached_models, is_hub_name
from model_runtime.models import STARTER

_SUGGESTED = tuple(f"codellama/CodeLlama-{size}-hf" for size in ("13b", "7b"))


def use(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="'starter', a folder, or a downloaded model. Without it, the largest one on this "
            "machine that infills and fits the memory.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Choose the model that editors and commands use from now on.

    Writes `model` into config.toml in your configuration folder. Editors take it when their
    language server starts the next time.
    """
    from lsp_server.cli.models import describe_model

    try:
        name, reason = (_absolute(model), "") if model else pick_model()
        describe_model(name)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    try:
        file = write_setting("model", name)
    except (OSError, ValueError) as error:
        raise CommandError(f"The configuration cannot be written: {error}.") from error
    _tell(name, reason, file)


def pick_model() -> tuple[str, str]:
    """The largest model on this machine that infills and fits, and why it was taken. Raises
    RuntimeFailure.
    """
    sizes = {name: _parameters_if_fitting(name) for name in _candidates()}
    fitting = {name: count for name, count in sizes.items() if count is not None}
    if not fitting:
        return STARTER, "no downloaded model infills and fits into the memory"
    name = max(fitting, key=lambda one: fitting[one])
    return name, f"the largest of {len(sizes)} that infills and fits into the memory"


def _candidates() -> list[str]:
    return [STARTER, *(one.name for one in cached_models() if one.missing is None)]


def _parameters_if_fitting(name: str) -> int | None:
    """How many weights a model has; None when it is of no use here."""
    from lsp_server.cli.models import describe_model

    try:
        infills = Capability.INFILLING.value in describe_model(name).capabilities
        return _parameters_if_room(name) if infills else None
    except RuntimeFailure:
        return None


def _parameters_if_room(name: str) -> int | None:
    """The same of any model whose shape is known. Raises RuntimeFailure."""
    from model_runtime.memory_plan import plan_fits
    from model_runtime.memory_plan_devices import devices_for, size_of

    config, size = size_of(name)
    first, *_ = devices_for(config)
    context = min(size.context_length, 4096)
    fits = [fit for fit in plan_fits(size, [first], context, 1) if fit.precision == first.auto]
    return size.counts.total if any(fit.fits for fit in fits) else None


def _absolute(model: str) -> str:
    """A folder's name means the same wherever it is read."""
    if model == STARTER:
        return model
    folder = Path(model).expanduser()
    if folder.is_dir() or not is_hub_name(model):
        return str(folder.absolute())
    return model


def _tell(name: str, reason: str, file: Path) -> None:
    console = Console()
    why = f": {reason}" if reason else ""
    console.print(f"[green]✓[/green] Using {name}{why}.", highlight=False, soft_wrap=True)
    console.print(
        f"[dim]  Written to {file}. Editors take it when they are restarted.[/dim]",
        highlight=False,
        soft_wrap=True,
    )
    if os.environ.get("FIMBRIA_MODEL"):
        console.print("[yellow]  FIMBRIA_MODEL is set, and goes before it.[/yellow]")
    if name == STARTER and reason:
        fitting = [one for one in _SUGGESTED if _parameters_if_room(one) is not None]
        advice = " or ".join(f"fimbria models pull {one}" for one in fitting)
        if advice:
            console.print(f"[dim]  What else would fit: {advice}[/dim]", highlight=False)
