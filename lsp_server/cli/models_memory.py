"""`fimbria models memory`: will it fit?"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsp_server.cli.errors import error_of, usage_error
from lsp_server.cli.options import JsonOption, ModelArgument
from model_runtime.api import RuntimeFailure

if TYPE_CHECKING:
    from rich.table import Table

    from model_runtime.memory_plan import Device, Fit, ModelSize

# Where the engine would rather have fewer slots than shorter ones.
_DEFAULT_CONTEXT = 4096


def memory(
    model: ModelArgument,
    context: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Tokens of a prompt and its answer; else 4096, or what the model has.",
            show_default=False,
        ),
    ] = None,
    slots: Annotated[
        int,
        typer.Option(min=1, metavar="K", help="So many documents at a time keep their KV cache."),
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Tell what a model takes and whether it fits on this machine, before anything is downloaded.

    Weights per precision, KV cache per token and slot, and what each device has room for. Computed
    from the configuration; official Code Llama checkpoints are known by name, of other models on
    the hub only config.json is fetched.
    """
    from model_runtime.memory_plan import plan_fits
    from model_runtime.memory_plan_devices import devices_for, size_of

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        config, size = size_of(model)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure
    if context is not None and context > size.longest_context:
        raise usage_error(
            f"{model} is good for {size.longest_context} tokens; --context {context} is more."
        )
    length = context or min(size.context_length, _DEFAULT_CONTEXT)
    devices = devices_for(config)
    fits = plan_fits(size, devices, length, slots)
    if as_json:
        typer.echo(json.dumps(memory_json(size, devices, fits, length, slots)))
        return
    _show(size, devices, fits, length, slots)


def memory_json(
    size: ModelSize, devices: list[Device], fits: list[Fit], context: int, slots: int
) -> dict[str, Any]:
    """What `--json` prints. `kv_bytes_per_token`: at the precision that `auto` takes on the first
    device; `fits`: whether some precision does on some device.
    """
    from dataclasses import asdict

    from model_runtime.memory_plan import PRECISIONS

    per_token = size.kv_bytes_per_token(devices[0].auto)
    return {
        "model": size.name,
        "num_parameters": size.counts.total,
        "context_length": size.context_length,
        "context": context,
        "slots": slots,
        "weights_bytes": size.weights_bytes,
        "kv_bytes_per_token": per_token,
        "kv_bytes_per_token_by_precision": {
            precision: size.kv_bytes_per_token(precision) for precision in PRECISIONS
        },
        "kv_bytes": per_token * context * slots,
        "fits": any(fit.fits for fit in fits),
        "devices": [
            asdict(device)
            | {"precisions": [asdict(fit) for fit in fits if fit.device == device.name]}
            for device in devices
        ],
    }


def _show(
    size: ModelSize, devices: list[Device], fits: list[Fit], context: int, slots: int
) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    count = size.counts.total
    counts = f"{count / 1e9:.2f} billion" if count >= 1e8 else f"{count / 1e6:.1f} million"
    plain = {16: size.weights_bytes["float16"], 32: size.weights_bytes["float32"]}
    weights = ", ".join(f"{_size(taken)} in {bits} bits" for bits, taken in plain.items())
    per_token = size.kv_bytes_per_token("float16")
    for line in (
        f"[bold]{escape(size.name)}[/bold]  {counts} parameters, context {size.context_length}",
        f"Weights   {weights}",
        f"KV cache  {_size(per_token)} per token in 16 bits (twice that in float32): "
        f"{_size(per_token * context)} per slot of {context} tokens",
    ):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_table(devices, fits, f"{slots} × {context}"))
    for line in (*_loading_remarks(fits), _verdict(fits)):
        console.print(line, highlight=False, soft_wrap=True)


def _table(devices: list[Device], fits: list[Fit], wanted: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("Device", "Free", "Precision", "Weights", wanted, "Fits", "By itself"):
        table.add_column(column, justify="left" if column in ("Device", "Precision") else "right")
    by_name = {device.name: device for device in devices}
    for fit in fits:
        table.add_row(*_row(fit, by_name[fit.device]))
    return table


def _row(fit: Fit, device: Device) -> tuple[str, ...]:
    chosen = " (auto)" if fit.precision == device.auto else ""
    slots = f"{fit.num_slots} × {fit.slot_context}" if fit.num_slots else "—"
    return (
        f"{device.name} {device.label}" if device.name != "cpu" else "cpu",
        _size(fit.free_bytes),
        f"{fit.precision}{chosen}",
        _size(fit.weights_bytes),
        _size(fit.needed_bytes),
        "[green]yes[/green]" if fit.fits else "[red]no[/red]",
        slots,
    )


def _loading_remarks(fits: list[Fit]) -> list[str]:
    """Why what has room once it runs does not fit: it would not get there."""
    return [
        f"{fit.precision} on {fit.device} takes up to {_size(fit.loading_bytes)} while it is "
        "loaded, when the weights are rounded."
        for fit in fits
        if not fit.fits and fit.needed_bytes <= fit.free_bytes < fit.loading_bytes
    ]


def _verdict(fits: list[Fit]) -> str:
    fitting = [fit for fit in fits if fit.fits]
    if fitting:
        return (
            "[dim]“By itself”: slots × tokens that the engine makes when nothing else is asked "
            "for; --kv-memory gives it more.[/dim]"
        )
    needed = min(max(fit.needed_bytes, fit.loading_bytes) for fit in fits)
    return (
        f"[red]It does not fit:[/red] {_size(needed)} are needed at least. Try a smaller model, a "
        "shorter --context, or fewer --slots."
    )


def _size(num_bytes: int) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20)):
        if num_bytes >= 2**power:
            return f"{num_bytes / 2**power:.1f} {unit}"
    return f"{num_bytes / 1024:.1f} KiB"
