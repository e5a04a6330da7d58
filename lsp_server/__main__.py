"""The `fimbria` command. `fimbria lsp` takes a short way that imports no command line library."""

from __future__ import annotations

import sys

_INTERRUPTED_STATUS = 130


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        sys.exit(_run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED_STATUS)


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["lsp"]:
        from lsp_server.cli.lsp import run_language_server

        return run_language_server(arguments[1:])
    from lsp_server.cli.app import run

    return run(arguments)


if __name__ == "__main__":
    main()
