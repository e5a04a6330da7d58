"""The options of the commands that ask a model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lsp_server.settings import DTYPES, OneOf
from model_runtime.api import Layout, RuntimeFailure
from model_runtime.kv_cache.memory_share import parse_memory

_MODEL_PANEL = "Model"
_SAMPLING_PANEL = "Sampling"

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        envvar="FIMBRIA_MODEL",
        rich_help_panel=_MODEL_PANEL,
        help="'starter', a folder in Hugging Face layout, or the name of a downloaded model.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        metavar="DEVICE",
        envvar="FIMBRIA_DEVICE",
        rich_help_panel=_MODEL_PANEL,
        help="auto, cpu, cuda, cuda:1, …; balanced: spread over all GPUs; offload: layers that do "
        "not fit the GPU stay in main memory or on disk, which is slow.",
    ),
]


def _checked_dtype(name: str) -> str:
    try:
        return OneOf(DTYPES)(name)
    except ValueError as error:
        raise typer.BadParameter(f"{name!r} is not {error}.") from error


DtypeOption = Annotated[
    str,
    typer.Option(
        callback=_checked_dtype,
        metavar="DTYPE",
        envvar="FIMBRIA_DTYPE",
        rich_help_panel=_MODEL_PANEL,
        help="auto, float32, bfloat16, float16; with weights made smaller: int8, int4 or nf4.",
    ),
]


def _checked_memory(text: str) -> str:
    try:
        parse_memory(text)
    except RuntimeFailure as failure:
        raise typer.BadParameter(str(failure)) from failure
    return text


KvMemoryOption = Annotated[
    str,
    typer.Option(
        callback=_checked_memory,
        metavar="SIZE",
        envvar="FIMBRIA_KV_MEMORY",
        rich_help_panel=_MODEL_PANEL,
        help="What a daemon that is started may reserve for its KV cache: auto, 4GiB, 512MB, 40% "
        "of what is free. One that runs already keeps what it has.",
    ),
]
AdapterOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar="FIMBRIA_ADAPTER",
        rich_help_panel=_MODEL_PANEL,
        help="A LoRA adapter to lay over the model: a folder as PEFT saves it, or the name of a "
        "downloaded one.",
        show_default=False,
    ),
]
ContextLengthOption = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        envvar="FIMBRIA_CONTEXT_LENGTH",
        rich_help_panel=_MODEL_PANEL,
        help="Tokens of a prompt and its answer; 0: what suits the model and the memory.",
    ),
]


ChatModelOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar="FIMBRIA_CHAT_MODEL",
        rich_help_panel=_MODEL_PANEL,
        help="A second model for chats, loaded by the first one.",
        show_default=False,
    ),
]


def _checked_family(name: str) -> str:
    if not name:
        return name
    from model_runtime.families import family_named

    try:
        return family_named(name).name
    except RuntimeFailure as failure:
        raise typer.BadParameter(str(failure)) from failure


FamilyOption = Annotated[
    str,
    typer.Option(
        callback=_checked_family,
        metavar="NAME",
        envvar="FIMBRIA_FAMILY",
        rich_help_panel=_MODEL_PANEL,
        help="The model's family, such as qwen2.5_coder, where its checkpoint does not tell.",
        show_default=False,
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
IdleTimeoutOption = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        envvar="FIMBRIA_IDLE_TIMEOUT_S",
        help="End when nobody asked for so long; 0: never.",
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="'starter', a checkpoint folder, or OWNER/NAME of the Hugging Face hub.",
        show_default=False,
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


TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE:LINE:COLUMN",
        help="Where to complete, counted from 1 as editors show it; the hole is before that "
        "column. [bold]-[/bold] reads standard input, where <FILL> marks the hole.",
        show_default=False,
    ),
]
LinesOption = Annotated[
    Lines,
    typer.Option(
        help="auto: what an editor would show. single, multi: all that the model writes, to the "
        "end of the line or on over it."
    ),
]
MaxTokensOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="At most this many tokens.", show_default=True)
]
CandidatesOption = Annotated[
    int,
    typer.Option(min=1, max=8, metavar="N", help="Show so many different answers, 8 at most."),
]
TemperatureOption = Annotated[
    float,
    typer.Option(min=0, metavar="T", rich_help_panel=_SAMPLING_PANEL, help="0: the most likely."),
]
TopPOption = Annotated[
    float,
    typer.Option(
        min=0, max=1, metavar="P", rich_help_panel=_SAMPLING_PANEL, help="Nucleus sampling."
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(metavar="S", rich_help_panel=_SAMPLING_PANEL, help="Makes sampling repeatable."),
]
LayoutOption = Annotated[
    Layout,
    typer.Option(rich_help_panel=_SAMPLING_PANEL, help="Order of the prompt's parts."),
]
HealOption = Annotated[
    bool,
    typer.Option(
        " /--no-heal",
        rich_help_panel=_SAMPLING_PANEL,
        help="Don't redo a token that the cursor splits.",
        show_default=False,
    ),
]
FilenameOption = Annotated[
    Path, typer.Option(metavar="NAME", help="What standard input would be called.")
]
