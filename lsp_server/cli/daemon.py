"""`fimbria serve`, `status` and `stop`: the resident runtime by hand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from lsp_server.cli.errors import CommandError, error_of
from lsp_server.cli.options import (
    DeviceOption,
    DtypeOption,
    IdleTimeoutOption,
    JsonOption,
    KvMemoryOption,
    ModelOption,
    TransportOption,
)
from lsp_server.cli.session import with_runtime
from model_runtime.api import ModelInfo, Runtime, RuntimeFailure
from model_runtime.places import DaemonSpec

if TYPE_CHECKING:
    from model_runtime.transport import Endpoint

ANSWER_TIMEOUT_S = 5.0
SILENT = "does not answer"

T = TypeVar("T")


def serve(  # noqa: PLR0913, PLR0917 - one parameter per option
    ctx: typer.Context,
    model: ModelOption = "starter",
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    kv_memory: KvMemoryOption = "auto",
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
    spec = DaemonSpec(model, device, dtype, idle_timeout_s, transport, kv_memory)
    if background:
        _serve_in_background(ctx, spec)
    else:
        _serve_here(spec)


def status(as_json: JsonOption = False) -> None:
    """Show which models are loaded, and how much of their prompts came from the cache."""
    try:
        daemons = asyncio.run(_all_daemons())
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    if as_json:
        typer.echo(json.dumps({"daemons": daemons}, ensure_ascii=False))
        return
    console = Console()
    if not daemons:
        console.print("No model is loaded. The first completion loads one.", highlight=False)
        return
    _show_table(console, daemons)


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

    typer.echo(f"Serving {spec.model}; Ctrl-C ends it.", err=True)
    try:
        exit_status = daemon.serve(spec)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    daemon.leave(exit_status)


async def _stop(targets: Iterable[Endpoint]) -> list[bool | RuntimeFailure]:
    from model_runtime.client import stop_daemon

    return await _each(stop_daemon(target, ANSWER_TIMEOUT_S) for target in targets)


async def _all_daemons() -> list[dict[str, Any]]:
    from model_runtime.client import daemon_status, running_daemons

    endpoints = running_daemons()
    statuses = await _each(daemon_status(endpoint, ANSWER_TIMEOUT_S) for endpoint in endpoints)
    return [
        _summary(endpoint, found)
        for endpoint, found in zip(endpoints, statuses, strict=True)
        if found is not None
    ]


async def _each(work: Iterable[Awaitable[T]]) -> list[T | RuntimeFailure]:
    """Do all of it at once; a failure of one is a result like the others'."""

    async def settled(one: Awaitable[T]) -> T | RuntimeFailure:
        try:
            return await one
        except RuntimeFailure as failure:
            return failure

    return await asyncio.gather(*map(settled, work))


def _summary(endpoint: Endpoint, found: dict[str, Any] | RuntimeFailure) -> dict[str, Any]:
    if isinstance(found, RuntimeFailure):
        return _summary_of_silent(endpoint, found)
    engine = found["engine"] or {}
    model = found["model"] or {}
    details = model.get("fimbria", {})
    return {
        "model": model.get("id", Path(endpoint.model).name),
        "folder": endpoint.model,
        "state": found["state"],
        "error": found["error"],
        "pid": found["pid"],
        "version": found["version"],
        "device": details.get("device", endpoint.device),
        "dtype": details.get("dtype", endpoint.dtype),
        "memory_mib": _memory_mib(found["pid"]),
        "uptime_s": round(time.time() - found["started_at"], 1),
        "idle_s": round(found["idle_s"], 1),
        "idle_timeout_s": found["idle_timeout_s"],
        "requests": engine.get("requests", 0),
        "prompt_tokens": engine.get("prompt_tokens", 0),
        "cached_tokens": engine.get("cached_tokens", 0),
        "log": endpoint.log,
    }


def _summary_of_silent(endpoint: Endpoint, failure: RuntimeFailure) -> dict[str, Any]:
    unknown = ("version", "uptime_s", "idle_s", "idle_timeout_s")
    counts = ("requests", "prompt_tokens", "cached_tokens")
    return {
        "model": Path(endpoint.model).name,
        "folder": endpoint.model,
        "state": SILENT,
        "error": {"code": failure.code, "message": failure.message, "hint": failure.hint},
        "pid": endpoint.pid,
        "device": endpoint.device,
        "dtype": endpoint.dtype,
        "memory_mib": _memory_mib(endpoint.pid),
        "log": endpoint.log,
        **dict.fromkeys((*unknown, *counts)),
    }


def _memory_mib(pid: int) -> int | None:
    """Resident memory of a process; None when it has just ended."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss) // 1024**2
    except psutil.Error:
        return None


def _show_table(console: Console, daemons: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    columns = ("Model", "State", "PID", "Device", "Memory", "Up", "Idle", "Asked", "Reused")
    table = Table(*columns, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for daemon in daemons:
        memory = daemon["memory_mib"]
        table.add_row(
            str(daemon["model"]),
            str(daemon["state"]),
            str(daemon["pid"]),
            f"{daemon['device']} {daemon['dtype']}",
            "" if memory is None else f"{memory} MiB",
            *(_activity(daemon) if daemon["state"] != SILENT else ()),
        )
    console.print(table)


def _activity(daemon: dict[str, Any]) -> Iterable[str]:
    yield _duration(daemon["uptime_s"])
    yield _duration(daemon["idle_s"])
    yield str(daemon["requests"])
    yield _share(daemon["cached_tokens"], daemon["prompt_tokens"])


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"
