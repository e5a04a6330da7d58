"""What `fimbria setup neovim` writes: one file of its own, which Neovim reads at its start beside
whatever init.lua or init.vim the user has.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from lsp_server.cli.errors import CommandError
from lsp_server.cli.setup_files import FileChange, configuration_folder, own_program, read

_FIRST_LINE = "-- Written by `fimbria setup neovim`; `fimbria setup neovim --undo` removes it."
AFTERWARDS = "Start Neovim, open a file and type; :checkhealth fimbria says what is missing."


def change(*, undo: bool) -> FileChange:
    """What is to be done to the user's configuration. Raises CommandError, and OSError."""
    name = os.environ.get("NVIM_APPNAME") or "nvim"
    folder = configuration_folder(name, windows="LOCALAPPDATA")
    file = folder / "plugin" / "fimbria-setup.lua"
    before = read(file)
    if before is not None and not before.startswith(_FIRST_LINE):
        raise CommandError(f"{file} was not written by this command; move it out of the way first.")
    return FileChange(file, before, None if undo else _snippet())


def plugin_folder() -> Path:
    """The Neovim plugin: in the checkout that runs, or in the installed package. Raises
    CommandError.
    """
    package = Path(__file__).resolve().parents[1]
    for root in (package.parent, package):
        if (folder := root / "editors" / "neovim").is_dir():
            return folder
    raise CommandError("The Neovim plugin is missing from this installation; install Fimbria anew.")


def _snippet() -> str:
    lines = [_FIRST_LINE, f"local folder = {_lua(str(plugin_folder()))}"]
    lines += ["if vim.fn.has('nvim-0.11') == 1 and vim.uv.fs_stat(folder) then"]
    program = own_program()
    if Path(program).is_absolute():
        cmd = f"{{ cmd = {_lua(program)} }}"
        lines += [f"  vim.g.fimbria = vim.tbl_extend('keep', vim.g.fimbria or {{}}, {cmd})"]
    lines += ["  vim.opt.runtimepath:append(folder)", "  vim.cmd.runtime('plugin/fimbria.lua')"]
    return "\n".join([*lines, "end", ""])


def _lua(text: str) -> str:
    """A string of Lua; JSON's escapes of what is no letter are not Lua's, so none are made."""
    return json.dumps(text, ensure_ascii=False)
