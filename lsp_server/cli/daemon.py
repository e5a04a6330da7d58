"""`fimbria serve` and `stop`: the resident runtime by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from lsp_server.cli.errors import CommandError, error_of
from lsp_server.cli.options import (
    AdapterOption,
    ChatModelOption,
    ContextLengthOption,
    DeviceOption,
    DtypeOption,
    FamilyOption,
    IdleTimeoutOption,
    KvMemoryOption,
    ModelOption,
    TransportOption,
)
from lsp_server.cli.session import with_runtime
from lsp_server.cli.status import ANSWER_TIMEOUT_S, settle
from model_runtime.api import ModelInfo, Runtime, RuntimeFailure
from model_runtime.places import DaemonSpec

if TYPE_CHECKING:
    from model_runtime.transport import Endpoint


def serve(  # noqa: PLR0913, PLR0917 - one parameter per option
    ctx: typer.Context,
    model: ModelOption = "starter",
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    kv_memory: KvMemoryOption = "auto",
    adapter: AdapterOption = "",
    context_length: ContextLengthOption = 0,
    family: FamilyOption = "",
    chat_model: ChatModelOption = "",
    idle_timeout_s: IdleTimeoutOption = 0,
    transport: TransportOption = "auto",
    background: Annotated[
        bool, typer.Option("--background", help="Return once the model is loaded.")
    ] = False,
) -> None:
    """Load a model and keep it ready, until Ctrl-C.

    Editors and commands start a daemon by themselves; this is for watching one, or for settings of
    your own.
    """
    spec = DaemonSpec(
        model=model,
        device=device,
        dtype=dtype,
        idle_timeout_s=idle_timeout_s,
        transport=transport,
        kv_memory=kv_memory,
        adapter=adapter,
        context_length=context_length,
        family=family,
        chat_model=chat_model,
    )
    if background:
        _serve_in_background(ctx, spec)
    else:
        _serve_here(spec)


def stop(
    model: ModelOption = "starter",
    all_daemons: Annotated[bool, typer.Option("--all", help="Whatever their model.")] = False,
) -> None:
    """End a model's daemons and free their memory; the next completion starts one again."""
    try:
        outcomes = asyncio.run(_stop(_daemons_of(None if all_daemons else model)))
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    failures = [outcome for outcome in outcomes if isinstance(outcome, RuntimeFailure)]
    num_stopped = outcomes.count(True)
    if num_stopped:
        typer.echo(f"Stopped {num_stopped} daemon{'' if num_stopped == 1 else 's'}.")
    elif not failures:
        which = "" if all_daemons else f" for {model}"
        typer.echo(f"No daemon{which} was running.")
    if failures:
        raise CommandError(" ".join(map(str, failures)))


def _daemons_of(model: str | None) -> list[Endpoint]:
    """Running daemons of a model on whatever device; None: of every model."""
    from model_runtime.client import running_daemons
    from model_runtime.models import resolve_model

    if model is None:
        return running_daemons()
    folder = str(resolve_model(model))
    return [endpoint for endpoint in running_daemons() if endpoint.model == folder]


def _serve_in_background(ctx: typer.Context, spec: DaemonSpec) -> None:
    async def info(runtime: Runtime) -> ModelInfo:
        return await runtime.info()

    loaded = with_runtime(ctx.obj, spec, info)
    typer.echo(f"{loaded.id} is ready on {loaded.device} ({loaded.dtype}).")


def _serve_here(spec: DaemonSpec) -> None:
    from model_runtime import daemon

    def tell() -> None:
        typer.echo(f"Serving {spec.model}; Ctrl-C ends it.", err=True)

    try:
        exit_status = daemon.serve(spec, begun=tell)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    daemon.leave(exit_status)


async def _stop(targets: Iterable[Endpoint]) -> list[bool | RuntimeFailure]:
    from model_runtime.client import stop_daemon

    return await settle(stop_daemon(target, ANSWER_TIMEOUT_S) for target in targets)
