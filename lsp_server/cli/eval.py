"""`fimbria eval`: what a model is worth, on tasks whose right answer is known."""

from __future__ import annotations

import typer

from lsp_server.cli.eval_infilling import infilling

HELP = "Measure what a model is worth, on tasks whose right answer is known."
EPILOG = """[bold]Examples[/bold]
  fimbria eval infilling --limit 50
  fimbria eval infilling --model codellama/CodeLlama-7b-hf --layout spm
  fimbria eval infilling --model codellama/CodeLlama-7b-hf --layout spm --execute

[dim]Compare figures only where the configuration printed with them is the same.[/dim]"""


def make_eval_app() -> typer.Typer:
    """The commands below `fimbria eval`."""
    app = typer.Typer(help=HELP, epilog=EPILOG, rich_markup_mode="rich", no_args_is_help=True)
    app.callback()(_group)
    app.command(epilog=EPILOG)(infilling)
    return app


def _group() -> None:
    """Exists so that `infilling` stays a command of its own while it is the only one."""
