"""`fimbria lsp`: the language server on standard input and output.

Runs whenever an editor starts, so it imports no command line library but argparse.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import fields

import lsp_server.settings as settings_module
from lsp_server.settings import Settings

_DESCRIPTION = """Start the language server; editors do this. It speaks the Language Server Protocol
on standard input and output. A wrong flag never stops it: the editor shows what is wrong."""
_HELP = {
    "model": "'starter', or a folder in Hugging Face layout",
    "device": "auto, cpu, cuda, cuda:1, …",
    "dtype": "auto, float32, bfloat16 or float16",
    "transport": "how to reach the model: auto, unix or tcp",
    "max_tokens": "longest suggestion",
    "idle_timeout_s": "seconds after which an unused model is unloaded; 0: never",
    "warm_up": "true: load the model at once; false: with the first request",
    "log_file": "where to log; text of documents only at level debug",
    "log_level": "debug, info, warning or error",
}


def run_language_server(arguments: Sequence[str]) -> int:
    """Serve on standard input and output until the editor ends it; return the exit status."""
    flags, unknown = _parser().parse_known_args(arguments)
    settings, problems = settings_module.from_environment(os.environ)
    given = {name: value for name, value in vars(flags).items() if name != "stdio"}
    settings, wrong = settings_module.apply(settings, given, "command line")
    problems += wrong
    problems += [f"command line: unknown argument {argument!r}." for argument in unknown]
    from lsp_server.server import run

    return run(settings, problems)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fimbria lsp", description=_DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("--stdio", action="store_true", help="the default, and all there is")
    for setting in fields(Settings):
        flag = f"--{setting.name.replace('_', '-')}"
        parser.add_argument(flag, nargs="?", metavar="VALUE", help=_HELP.get(setting.name))
    return parser
