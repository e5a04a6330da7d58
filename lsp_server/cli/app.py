"""The commands of `fimbria`, put together."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from typer.main import get_command

from lsp_server.cli.complete import complete
from lsp_server.cli.console.command import CHAT_EPILOG, CONSOLE_EPILOG, chat, console
from lsp_server.cli.daemon import serve, stop
from lsp_server.cli.demo import demo
from lsp_server.cli.doctor import doctor
from lsp_server.cli.errors import (
    RUNTIME_STATUS,
    USAGE_STATUS,
    CommandError,
    one_line,
)
from lsp_server.cli.eval import make_eval_app
from lsp_server.cli.help_text import unwrap_help
from lsp_server.cli.lsp import run_language_server
from lsp_server.cli.models import make_models_app
from lsp_server.cli.session import Services
from lsp_server.cli.setup import setup
from lsp_server.cli.stats import stats
from lsp_server.cli.status import status
from lsp_server.user_config import user_settings
from model_runtime.failures import INTERRUPTED_STATUS

HELP = (
    "A code assistant that runs on your own machine: ghost text in every editor that speaks the "
    "Language Server Protocol.\n\n"
    "The model stays resident in a process of its own (the [bold]daemon[/bold]), shared by all "
    "editor windows and by these commands. The first one that needs it starts it; it ends when "
    "nobody has used it for a while."
)

EPILOG = """[bold]Examples[/bold]
  fimbria demo                      see it work, in this terminal
  fimbria complete app.py:12:5      what goes before line 12, column 5?
  fimbria chat                      ask a model that chats
  fimbria status                    what is loaded, and how busy it was
  fimbria doctor                    something is wrong: what?

[dim]Every command explains itself: fimbria COMMAND --help[/dim]"""

COMPLETE_EPILOG = """[bold]Examples[/bold]
  fimbria complete app.py:12:5
  fimbria complete --lines single --max-tokens 16 app.py:12:5
  echo 'import <FILL>' | fimbria complete -
  fimbria complete --json app.py:12:5 | jq -r .text

Exit status: 0 answered, 1 the runtime failed, 2 wrong usage."""

_SHARED_SETTINGS = frozenset(
    {
        *("model", "device", "dtype", "kv_memory", "transport"),
        *("adapter", "context_length", "family"),
    }
)
"""Settings that are options of commands, too, under the same names."""

_TRY, _RUN, _LOOK, _MODELS = "Try it", "Run it", "Look after it", "Choose a model"


def run(arguments: Sequence[str], services: Services | None = None) -> int:
    """Run one command line; return its exit status. Errors become one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_encode(stream)
    command = get_command(make_app())
    unwrap_help(command)
    try:
        result = command.main(
            args=list(arguments),
            prog_name="fimbria",
            standalone_mode=False,
            obj=services or Services(),
            default_map=_defaults_of_user(command),
        )
    except KeyboardInterrupt:
        return INTERRUPTED_STATUS
    except Exception as error:  # noqa: BLE001 - the rim: whatever it is, no traceback by default
        return _report(error)
    return result if isinstance(result, int) else 0


def _defaults_of_user(command: object) -> dict[str, object]:
    """What the user's configuration file gives the options of all commands for a default."""
    settings, problems, decided = user_settings()
    for problem in problems:
        sys.stderr.write(f"fimbria: {one_line(problem)}\n")
    values = {name: getattr(settings, name) for name in decided & _SHARED_SETTINGS}
    return _for_all_commands(command, values) if values else {}


def _for_all_commands(command: object, values: Mapping[str, object]) -> dict[str, object]:
    """Click's `default_map`: by command, and for commands of commands the same once more."""
    found: dict[str, object] = dict(values)
    for name, inner in getattr(command, "commands", {}).items():
        if name != "models":  # what is downloaded, chosen or deleted is said each time
            found[name] = _for_all_commands(inner, values)
    return found


def make_app() -> typer.Typer:
    """Register the commands."""
    app = typer.Typer(
        name="fimbria",
        help=HELP,
        epilog=EPILOG,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_without_command)
    app.command(rich_help_panel=_TRY)(demo)
    app.command(rich_help_panel=_TRY, epilog=COMPLETE_EPILOG)(complete)
    app.command(rich_help_panel=_TRY, epilog=CONSOLE_EPILOG)(console)
    app.command(rich_help_panel=_TRY, epilog=CHAT_EPILOG)(chat)
    app.command(
        "lsp",
        rich_help_panel=_RUN,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_lsp)
    app.command(rich_help_panel=_RUN)(serve)
    app.command(rich_help_panel=_RUN)(status)
    app.command(rich_help_panel=_RUN)(stop)
    app.command(rich_help_panel=_LOOK)(stats)
    app.command(rich_help_panel=_TRY)(setup)
    app.command(rich_help_panel=_LOOK)(doctor)
    app.add_typer(make_models_app(), name="models", rich_help_panel=_MODELS)
    app.add_typer(make_eval_app(), name="eval", rich_help_panel=_MODELS)
    return app


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import version

    typer.echo(f"fimbria {version('fimbria')}")
    raise typer.Exit


def _without_command(
    ctx: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def _lsp(ctx: typer.Context) -> None:
    """Start the language server on standard input and output; editors do this."""
    raise typer.Exit(run_language_server(ctx.args))


def _report(error: Exception) -> int:
    """Print one line about `error` and return the exit status that it calls for."""
    message, status = _describe(error)
    sys.stderr.write(f"fimbria: {one_line(message)}\n")
    if os.environ.get("FIMBRIA_DEBUG"):
        traceback.print_exception(error)
    return status


def _describe(error: Exception) -> tuple[str, int]:
    if isinstance(error, CommandError):
        return str(error), error.status
    if isinstance(error, typer.Abort):
        return "stopped.", INTERRUPTED_STATUS
    if isinstance(error, _usage_error_type()):
        return f"{_usage_message(error)} See {_command_of(error)} --help.", USAGE_STATUS
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'standard output'}.", RUNTIME_STATUS
    kind = type(error).__name__
    return f"internal error: {kind}: {error} (FIMBRIA_DEBUG=1 shows where).", RUNTIME_STATUS


def _usage_error_type() -> type[Exception]:
    """Typer's base class of wrong usage has no public name of its own."""
    base = typer.BadParameter.__mro__[1]
    assert issubclass(base, Exception)
    return base


def _command_of(error: Exception) -> str:
    """The command that was called in a wrong way."""
    return str(getattr(getattr(error, "ctx", None), "command_path", "fimbria"))


def _usage_message(error: Exception) -> str:
    format_message = getattr(error, "format_message", error.__str__)
    message = str(format_message()).replace(" Value error, ", " ")  # pydantic's way to begin
    return message if message.endswith((".", "?")) else f"{message}."


def _never_fail_to_encode(stream: object) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
