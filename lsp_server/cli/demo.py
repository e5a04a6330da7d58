"""`fimbria demo`: a few completions on a machine that has nothing but Fimbria."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from lsp_server.cli.asking import Question, ask
from lsp_server.cli.options import DeviceOption, DtypeOption, KvMemoryOption, ModelOption
from lsp_server.cli.render import show_answer
from lsp_server.cli.session import with_runtime
from lsp_server.cli.target import Hole, marked_hole
from model_runtime.api import ModelInfo, Runtime


@dataclass(frozen=True, slots=True)
class _Scene:
    """One completion of the demo; the code lies in `snippets/`."""

    snippet: str
    caption: str


_SCENES = (
    _Scene("idiom", "What everybody writes here"),
    _Scene("names", "Names from the code around the cursor"),
    _Scene("pattern", "A pattern that the line has begun"),
)
_MAX_TOKENS = 24


def demo(
    ctx: typer.Context,
    model: ModelOption = "starter",
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    kv_memory: KvMemoryOption = "auto",
) -> None:
    """See it work: real completions from the model that comes with Fimbria, offline."""
    from model_runtime.client import DaemonSpec

    console = Console()
    _say(
        console,
        "[bold]Fimbria[/bold] completes code at the cursor, with a model that runs on this "
        "machine. No text leaves it.",
    )
    _say(console, f"Loading the model '{escape(model)}' (it stays resident for the next calls) …")

    async def play(runtime: Runtime) -> None:
        _say(console, _introduction(await runtime.info()))
        for number, scene in enumerate(_SCENES, start=1):
            hole = _hole(scene)
            answer = await ask(runtime, Question(hole=hole, max_tokens=_MAX_TOKENS))
            _say(console, f"\n[bold]{number}/{len(_SCENES)}  {scene.caption}[/bold]")
            show_answer(console, hole, answer)

    with_runtime(
        ctx.obj, DaemonSpec(model=model, device=device, dtype=dtype, kv_memory=kv_memory), play
    )
    _say(console, _next_steps(console))


def _hole(scene: _Scene) -> Hole:
    folder = files("lsp_server.cli") / "snippets"
    code = (folder / f"{scene.snippet}.txt").read_text(encoding="utf-8")
    return marked_hole(code, Path(f"{scene.snippet}.py"))


def _introduction(info: ModelInfo) -> str:
    return (
        f"Ready: {escape(info.id)}, {info.num_parameters / 1e6:.1f} million parameters, "
        f"{info.dtype} on {info.device}."
    )


def _next_steps(console: Console) -> str:
    ghost = "dimmed" if console.is_terminal else "in ‹ ›"
    fimbria = escape(_own_command())
    return f"""
The ghost text ({ghost}) is what the model answered just now; a small model is often wrong.

[bold]Next[/bold]
  Your own code   {fimbria} complete FILE:LINE:COLUMN
  Your editor     {fimbria} setup neovim, vscode, helix or emacs shows what it changes, and asks
  Other editors   start the language server with: {fimbria} lsp
  Trouble?        {fimbria} doctor"""


def _own_command() -> str:
    """What starts this program from the current folder."""
    own = Path(sys.argv[0]).absolute()
    found = shutil.which("fimbria")
    if own.name != "fimbria" or (found and own.samefile(found)):
        return "fimbria"
    return str(own.relative_to(Path.cwd())) if own.is_relative_to(Path.cwd()) else str(own)


def _say(console: Console, markup: str) -> None:
    console.print(markup, highlight=False, soft_wrap=True)
