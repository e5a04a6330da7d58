"""A runtime for the length of one command, with its loading shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

from lsp_server.cli.errors import error_of
from model_runtime.api import LoadProgress, ProgressCallback, Runtime, RuntimeFailure

if TYPE_CHECKING:
    from model_runtime.client import DaemonSpec

T = TypeVar("T")


def daemon_runtime(spec: DaemonSpec, progress: ProgressCallback) -> Runtime:
    """Return the resident runtime; the first request starts it. Raises ModelNotFound for a model
    that is only named: nobody at a terminal downloads gigabytes by a slip of the pen.
    """
    from model_runtime.client import DaemonRuntime
    from model_runtime.hub_process import needs_download
    from model_runtime.models import resolve_model

    if needs_download(spec.model):
        resolve_model(spec.model)
    return DaemonRuntime(spec, progress=progress)


@dataclass(frozen=True, slots=True)
class Services:
    """What the commands take from the outside; tests put doubles here."""

    make_runtime: Callable[[DaemonSpec, ProgressCallback], Runtime] = daemon_runtime


def with_runtime(
    services: Services, spec: DaemonSpec, action: Callable[[Runtime], Awaitable[T]]
) -> T:
    """Run `action` on a runtime whose model is loaded. Raises CommandError."""
    try:
        return asyncio.run(_with_runtime(services, spec, action))
    except RuntimeFailure as failure:
        raise error_of(failure) from failure


async def _with_runtime(
    services: Services, spec: DaemonSpec, action: Callable[[Runtime], Awaitable[T]]
) -> T:
    with loading_bar() as progress:
        runtime = services.make_runtime(spec, progress)
        try:
            await runtime.info()
        except BaseException:
            await runtime.close()
            raise
    try:
        return await action(runtime)
    finally:
        await runtime.close()


@contextmanager
def loading_bar() -> Iterator[ProgressCallback]:
    """Show a model's loading on standard error: a bar on a terminal, else nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Connecting", total=1.0, visible=False)

        def show(progress: LoadProgress) -> None:
            bar.update(
                task,
                description=progress.stage,
                completed=progress.fraction,
                visible=progress.fraction < 1,
            )

        yield show
