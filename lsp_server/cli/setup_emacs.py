"""What `fimbria setup emacs` writes into Emacs' init file."""

from __future__ import annotations

import json
from pathlib import Path

from lsp_server.cli.setup_blocks import read_block_file
from lsp_server.cli.setup_files import FileChange, configuration_folder, own_program

AFTERWARDS = "Start Emacs 29 or newer and open a Python file; C-M-i completes."


def change(*, undo: bool) -> FileChange:
    """What is to be done to Emacs' init file. Raises CommandError, OSError, UnicodeDecodeError."""
    found = read_block_file(_init_file(), ";;")
    return found.without_block() if undo else found.with_block("\n".join(_lines()))


def _lines() -> tuple[str, ...]:
    program = json.dumps(own_program(), ensure_ascii=False)
    return (
        ";; Eglot runs one server for a buffer: in Python files Fimbria takes the place of others.",
        "(with-eval-after-load 'eglot",
        "  (add-to-list 'eglot-server-programs",
        f'               \'((python-mode python-ts-mode) . ({program} "lsp"))))',
        "(add-hook 'python-base-mode-hook #'eglot-ensure)",
    )


def _init_file() -> Path:
    """The file that Emacs reads at its start (its manual, "Find Init"): the first that is there.
    Where none is, the one in the folder that Emacs would look in; making another one would hide
    that folder from it.
    """
    home, xdg = Path.home(), configuration_folder("emacs")
    usual = home / ".emacs.d" / "init.el"
    candidates = (home / ".emacs.el", home / ".emacs", usual)
    if (found := next((file for file in candidates if file.exists()), None)) is not None:
        return found
    return xdg / "init.el" if xdg.is_dir() and not usual.parent.is_dir() else usual
