"""`fimbria status`: what the daemons do, once or as a live view."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console, Group
from rich.text import Text

from lsp_server.cli import dashboard
from lsp_server.cli.errors import error_of, usage_error
from lsp_server.cli.options import JsonOption
from lsp_server.cli.summary import Summary, summary_of, summary_of_silent
from model_runtime.api import RuntimeFailure

ANSWER_TIMEOUT_S = 5.0

_WATCH_TIMEOUT_S = 2.0
_REDRAW_S = 0.5
_LINE_S = 1.0

T = TypeVar("T")
Pause = Callable[[float], Awaitable[None]]


def status(
    as_json: JsonOption = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", "-w", help="Keep showing it until Ctrl-C; without a terminal, in lines."
        ),
    ] = False,
) -> None:
    """Show which models are loaded, how much of their prompts came from the cache, and what they
    are doing.
    """
    if watch and as_json:
        raise usage_error("--json prints once: leave out --watch.")
    if watch:
        with contextlib.suppress(KeyboardInterrupt):  # how a live view ends
            _run(watch_daemons(Console()))
        return
    daemons = _run(all_daemons(ANSWER_TIMEOUT_S))
    if as_json:
        found = [daemon.as_json() for daemon in daemons]
        typer.echo(json.dumps({"daemons": found}, ensure_ascii=False))
        return
    Console(highlight=False).print(dashboard.overview(daemons))


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure


async def all_daemons(timeout_s: float) -> list[Summary]:
    """Everything that runs, asked at once. Raises RuntimeUnavailable."""
    from model_runtime.client import daemon_status, running_daemons
    from model_runtime.transport import Unreachable

    endpoints = running_daemons()
    answers = await settle(daemon_status(endpoint, timeout_s) for endpoint in endpoints)
    summaries = []
    for endpoint, answer in zip(endpoints, answers, strict=True):
        if answer is None or isinstance(answer, Unreachable):
            continue  # it has ended meanwhile
        if isinstance(answer, RuntimeFailure):
            summaries.append(summary_of_silent(endpoint, answer))
        else:
            summaries.append(summary_of(endpoint, answer))
    return summaries


async def watch_daemons(console: Console, pause: Pause = asyncio.sleep) -> NoReturn:
    """Show the daemons again and again, whether there are any or not, until interrupted. Raises
    RuntimeUnavailable.
    """
    if console.is_terminal and not console.is_dumb_terminal:
        await _redraw(console, pause)
    while True:
        for line in _lines(await all_daemons(_WATCH_TIMEOUT_S)):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        await pause(_LINE_S)


async def settle(work: Iterable[Awaitable[T]]) -> list[T | RuntimeFailure]:
    """Do all of it at once; a failure of one is a result like the others'."""

    async def settled(one: Awaitable[T]) -> T | RuntimeFailure:
        try:
            return await one
        except RuntimeFailure as failure:
            return failure

    return await asyncio.gather(*map(settled, work))


async def _redraw(console: Console, pause: Pause) -> NoReturn:
    from rich.live import Live

    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            daemons = await all_daemons(_WATCH_TIMEOUT_S)
            title = Text(f"{_now()} · Ctrl-C ends this view", "dim")
            live.update(Group(title, Text(""), dashboard.overview(daemons)), refresh=True)
            await pause(_REDRAW_S)


def _lines(daemons: Iterable[Summary]) -> list[str]:
    found = [dashboard.one_line(daemon) for daemon in daemons]
    return [f"{_now()} {line}" for line in found or [dashboard.NO_DAEMON]]


def _now() -> str:
    return time.strftime("%H:%M:%S")
