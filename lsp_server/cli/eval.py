"""`fimbria eval`: what a model is worth, on tasks whose right answer is known."""

from __future__ import annotations

import typer

from lsp_server.cli.eval_infilling import infilling

HELP = "Measure what a model is worth, on tasks whose right answer is known."
EPILOG = """[bold]Examples[/bold]
  fimbria eval infilling --limit 50
  fimbria eval infilling --model codellama/CodeLlama-7b-hf --layout spm
  fimbria eval infilling -m codellama/CodeLlama-7b-hf --layout spm --execute

[dim]Compare figures only where the configuration printed with them is the same.[/dim]"""


def make_eval_app() -> typer.Typer:
    """The commands below `fimbria eval`."""
    app = typer.Typer(help=HELP, epilog=EPILOG, rich_markup_mode="rich")
    app.callback(invoke_without_command=True)(_bare)
    app.command(epilog=EPILOG)(infilling)
    return app


def _bare(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
