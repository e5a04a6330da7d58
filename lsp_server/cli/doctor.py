"""`fimbria doctor`: what works, what does not, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from lsp_server.cli.asking import Answer, Question, ask
from lsp_server.cli.chat_check import check_chat, settings_of_user
from lsp_server.cli.check import Check, State
from lsp_server.cli.checks import checks
from lsp_server.cli.complete import answer_json
from lsp_server.cli.errors import RUNTIME_STATUS, CommandError
from lsp_server.cli.options import (
    AdapterOption,
    ContextLengthOption,
    DeviceOption,
    DtypeOption,
    FamilyOption,
    JsonOption,
    KvMemoryOption,
    ModelOption,
)
from lsp_server.cli.render import show_answer
from lsp_server.cli.session import Services, with_runtime
from lsp_server.cli.target import marked_hole
from model_runtime.api import ModelInfo, Runtime
from model_runtime.places import DaemonSpec

_SYMBOLS = {
    State.OK: "[green]✓[/green]",
    State.NOTE: "[yellow]–[/yellow]",
    State.BROKEN: "[red]✗[/red]",
}
_PROBE = marked_hole("import logging\n\nlogger = logging.<FILL>\n", Path("doctor.py"))


def doctor(  # noqa: PLR0913, PLR0917 - one parameter per option
    ctx: typer.Context,
    model: ModelOption = "starter",
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    kv_memory: KvMemoryOption = "auto",
    adapter: AdapterOption = "",
    context_length: ContextLengthOption = 0,
    family: FamilyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Check everything that Fimbria needs, and end with a real completion."""
    console = Console(quiet=as_json)
    spec = DaemonSpec(
        model=model,
        device=device,
        dtype=dtype,
        kv_memory=kv_memory,
        adapter=adapter,
        context_length=context_length,
        family=family,
    )
    found: list[Check] = []
    for check in checks(spec):
        found.append(check)
        _show_check(console, check)
    daemon, info, answer = _check_daemon(ctx.obj, spec)
    for check in (daemon, check_chat(settings_of_user(), info)):
        found.append(check)
        _show_check(console, check)
    if answer is not None:
        console.print("\nA completion:", highlight=False)
        show_answer(console, _PROBE, answer)
    if as_json:
        typer.echo(json.dumps(_report(found, answer), ensure_ascii=False))
    if any(check.state is State.BROKEN for check in found):
        raise typer.Exit(RUNTIME_STATUS)


def _check_daemon(
    services: Services, spec: DaemonSpec
) -> tuple[Check, ModelInfo | None, Answer | None]:
    async def probe(runtime: Runtime) -> tuple[ModelInfo, Answer]:
        return await runtime.info(), await ask(runtime, Question(hole=_PROBE, max_tokens=16))

    try:
        info, answer = with_runtime(services, spec, probe)
    except CommandError as error:
        return Check("Daemon", State.BROKEN, str(error)), None, None
    kernels = f", steps computed by {info.kernels}" if info.kernels else ""
    found = (
        f"answers; {info.id}, {info.num_parameters / 1e6:.1f}M parameters, "
        f"{info.dtype} on {info.device}{kernels}"
    )
    return Check("Daemon", State.OK, found), info, answer


def _show_check(console: Console, check: Check) -> None:
    line = f"{_SYMBOLS[check.state]} {check.name:<14} {escape(check.found)}"
    if check.hint:
        line += f"\n  {'':<14} [dim]→ {escape(check.hint)}[/dim]"
    console.print(line, highlight=False, soft_wrap=True)


def _report(found: list[Check], answer: Answer | None) -> dict[str, Any]:
    return {
        "ok": all(check.state is not State.BROKEN for check in found),
        "checks": [asdict(check) for check in found],
        "completion": answer and answer_json(answer),
    }
