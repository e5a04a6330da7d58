"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

_MODEL_PANEL = "Model"

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        envvar="FIMBRIA_MODEL",
        rich_help_panel=_MODEL_PANEL,
        help="'starter', or a folder in Hugging Face layout.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        metavar="DEVICE",
        envvar="FIMBRIA_DEVICE",
        rich_help_panel=_MODEL_PANEL,
        help="auto, cpu, cuda, cuda:1, …",
    ),
]
DtypeOption = Annotated[
    str,
    typer.Option(
        metavar="DTYPE",
        envvar="FIMBRIA_DTYPE",
        rich_help_panel=_MODEL_PANEL,
        help="auto, float32, bfloat16 or float16.",
    ),
]
TransportOption = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        envvar="FIMBRIA_TRANSPORT",
        rich_help_panel=_MODEL_PANEL,
        help="auto, unix (a socket file) or tcp (loopback with a token).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Lines(StrEnum):
    """How far an answer goes: as far as an editor would show it, or as the model writes it, to the
    end of the line or on over it.
    """

    AUTO = "auto"
    SINGLE = "single"
    MULTI = "multi"
