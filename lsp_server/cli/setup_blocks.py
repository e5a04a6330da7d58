"""What `fimbria setup helix` and `emacs` write: a block of lines between two marks, at the end of a
file that the user has, or may have.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from lsp_server.cli.errors import CommandError
from lsp_server.cli.setup_files import FileChange, own_program, read

HELIX_AFTERWARDS = "Open a Python file in Helix and type; :log-open says what went wrong."
EMACS_AFTERWARDS = "Start Emacs 29 or newer and open a Python file; C-M-i completes."
# What Helix 25.07 starts for Python by itself; it leaves out those that are not installed.
_HELIX_SERVERS = ("ty", "ruff", "jedi", "pylsp", "fimbria")
_HELIX_PYTHON = re.compile(r"""^\s*name\s*=\s*["']python["']""", re.MULTILINE)


def change_helix(*, undo: bool) -> FileChange:
    """What is to be done to `languages.toml`. Raises CommandError, and OSError."""
    file = _configuration("helix") / "languages.toml"
    before = read(file)
    others = _without_block(before or "", "#")
    if not undo and _HELIX_PYTHON.search(others):
        raise CommandError(
            f'{file} says already which servers Python has: add "fimbria" to its language-servers, '
            f"and this:\n{_helix_server()}"
        )
    servers = json.dumps(list(_HELIX_SERVERS))
    python = f'[[language]]\nname = "python"\nlanguage-servers = {servers}'
    return _changed(file, before, others, "#", "" if undo else f"{_helix_server()}\n\n{python}")


def change_emacs(*, undo: bool) -> FileChange:
    """What is to be done to Emacs' init file. Raises OSError."""
    file = _emacs_init()
    before = read(file)
    program = json.dumps(own_program(), ensure_ascii=False)
    lines = (
        "(with-eval-after-load 'eglot",
        "  (add-to-list 'eglot-server-programs",
        f'               \'((python-mode python-ts-mode) . ({program} "lsp"))))',
        "(add-hook 'python-base-mode-hook #'eglot-ensure)",
    )
    others = _without_block(before or "", ";;")
    return _changed(file, before, others, ";;", "" if undo else "\n".join(lines))


def _changed(file: Path, before: str | None, others: str, comment: str, block: str) -> FileChange:
    if not block:
        return FileChange(file, before, others or None)
    begin, end = _marks(comment)
    gap = "" if not others else "\n" if others.endswith("\n") else "\n\n"
    return FileChange(file, before, f"{others}{gap}{begin}\n{block}\n{end}\n")


def _without_block(text: str, comment: str) -> str:
    begin, end = map(re.escape, _marks(comment))
    return re.sub(rf"\n?^{begin}$.*?^{end}$\n?", "", text, flags=re.MULTILINE | re.DOTALL)


def _marks(comment: str) -> tuple[str, str]:
    return (
        f"{comment} Fimbria: written by `fimbria setup`, whose --undo removes it",
        f"{comment} Fimbria: end",
    )


def _helix_server() -> str:
    command = json.dumps(own_program(), ensure_ascii=False)
    return f'[language-server.fimbria]\ncommand = {command}\nargs = ["lsp"]'


def _configuration(name: str) -> Path:
    chosen = os.environ.get("XDG_CONFIG_HOME")
    if sys.platform == "win32" and not chosen:
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / name
    return (Path(chosen) if chosen else Path.home() / ".config") / name


def _emacs_init() -> Path:
    """The file that Emacs reads at its start: the first that is there (its manual, "Find Init")."""
    home = Path.home()
    usual = home / ".emacs.d" / "init.el"
    candidates = (home / ".emacs.el", home / ".emacs", usual, _configuration("emacs") / "init.el")
    return next((file for file in candidates if file.exists()), usual)
