"""The `fimbria` command. `fimbria lsp` takes a short way that imports no command line library."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["lsp"]:
        from lsp_server.cli.lsp import run_language_server

        sys.exit(run_language_server(arguments[1:]))
    from lsp_server.cli.app import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
