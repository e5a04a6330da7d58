"""`fimbria lsp`: the language server on standard input and output.

Runs whenever an editor starts, so it imports no command line library.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

_HELP = """Usage: fimbria lsp [--NAME VALUE]...

Start the language server; editors do this. It speaks the Language Server Protocol on standard
input and output. A wrong flag never stops it: the editor shows what is wrong.

  --model NAME         'starter', a folder in Hugging Face layout, or a downloaded model's name
  --device DEVICE      auto, cpu, cuda, cuda:1, …
  --dtype DTYPE        auto, float32, bfloat16, float16, int8, int4 or nf4
  --kv-memory SIZE     of a daemon's KV cache: auto, 4GiB, 512MB, 40% of what is free
  --adapter NAME       a LoRA adapter for the model: a folder, or a downloaded one's name
  --context-length N   tokens of a prompt and its answer; 0: what suits model and memory
  --family NAME        the model's family, where its checkpoint does not tell
  --chat-model NAME    a second model for chats and code actions
  --chat-endpoint URL  of an engine that speaks OpenAI's API, for the same
  --chat-api-key KEY   what it wants; better set as FIMBRIA_CHAT_API_KEY
  --chat-max-tokens N  longest answer in a chat
  --keep-conversations BOOL
                       true: chats are kept in the user's data folder; false: for a session
  --actions LIST       code actions of one's own; better set in config.toml or by the editor
  --confirm-edits BOOL true: the editor shows what a code action changes before it does
  --exclude PATTERNS   files that enter no prompt about others, as in .gitignore, with commas
  --docstring-style S  of new Python docstrings: auto, google, numpy or sphinx
  --max-tokens N       longest suggestion
  --completion-menu W  suggestions in the completion menu, too: auto, on or off
  --idle-timeout-s S   seconds after which an unused model is unloaded; 0: never
  --warm-up BOOL       true: load the model at once, and read changes before ghost text is
                       asked for; false: with the first request
  --guess-ahead BOOL   true: while idle, compute what comes after the ghost text that is shown
  --snippets BOOL      true: pieces of other files that were visited help with this one
  --statistics BOOL    true: numbers on suggestions are kept for `fimbria stats`, and no text
  --transport KIND     how to reach the model: auto, unix or tcp
  --log-file FILE      where to log; text of documents only at level debug
  --log-level LEVEL    debug, info, warning or error
  --stdio              the default, and all there is

Each can also be set in the user's config.toml, as FIMBRIA_NAME in the environment (it goes before
the file, flags before both), and by the editor under "fimbria" (it goes before all else).
"""


def run_language_server(arguments: Sequence[str]) -> int:
    """Serve on standard input and output until the editor ends it; return the exit status."""
    if "--help" in arguments or "-h" in arguments:
        sys.stdout.write(_HELP)
        return 0
    from lsp_server.server import run

    return run(parse_flags(arguments))


def parse_flags(arguments: Sequence[str]) -> dict[str, object]:
    """Read `--name value` and `--name=value`; what makes no sense is kept for the settings to
    complain about.
    """
    return dict(_flags(iter(arguments)))


def _flags(arguments: Iterator[str]) -> Iterator[tuple[str, object]]:
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        if argument == "--stdio":  # added by VS Code's client library
            continue
        if argument.startswith("--") and not equals:
            value = next(arguments, "")
        yield name.replace("-", "_"), value
