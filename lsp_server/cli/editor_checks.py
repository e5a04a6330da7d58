"""Which editors are here, and whether `fimbria setup` has been run for them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from lsp_server.cli import setup_emacs, setup_helix, setup_neovim
from lsp_server.cli.check import Check, State, run_quietly
from lsp_server.cli.errors import CommandError
from lsp_server.cli.setup import Editor
from lsp_server.cli.setup_files import ChangeOf
from lsp_server.cli.setup_vscode import EXTENSION

_MIN_NEOVIM = (0, 11)
_ABSENT = "Needed only if it is your editor."


def check_editors() -> Iterator[Check]:
    """The two that most people use, and of the others those that are here."""
    yield check_neovim()
    yield check_vscode()
    if check := check_other("Helix", ("hx", "helix"), Editor.HELIX, setup_helix.change):
        yield check
    if check := check_other("Emacs", ("emacs",), Editor.EMACS, setup_emacs.change):
        yield check


def check_neovim() -> Check:
    """Look for a Neovim that the plugin runs in."""
    name = "Neovim"
    found = _version_of("nvim")
    if found is None:
        return Check(name, State.NOTE, "not on PATH", _ABSENT)
    numbers = _numbers(found)
    needed = "the plugin needs Neovim " + ".".join(map(str, _MIN_NEOVIM))
    if not numbers:
        return Check(name, State.NOTE, found, f"Its version is unknown; {needed} or newer.")
    if numbers < _MIN_NEOVIM:
        return Check(name, State.NOTE, found, f"Too old: {needed}.")
    return _with_setup(name, found, Editor.NEOVIM, is_set_up=_is_written(setup_neovim.change))


def check_vscode() -> Check:
    """Look for VS Code and the extension."""
    name = "VS Code"
    found = _version_of("code")
    if found is None:
        return Check(name, State.NOTE, "not on PATH", _ABSENT)
    extensions = _output("code", "--list-extensions").lower().splitlines()
    return _with_setup(name, found, Editor.VSCODE, is_set_up=EXTENSION in extensions)


def check_other(
    name: str, programs: tuple[str, ...], editor: Editor, change: ChangeOf
) -> Check | None:
    """Look at an editor that only few have; None where it is not here."""
    found = next(filter(None, map(_version_of, programs)), None)
    if found is None:
        return None
    return _with_setup(name, found, editor, is_set_up=_is_written(change))


def _with_setup(name: str, found: str, editor: Editor, *, is_set_up: bool) -> Check:
    if is_set_up:
        return Check(name, State.OK, f"{found}, set up")
    hint = f"`fimbria setup {editor}` sets it up, unless it has been in another way."
    return Check(name, State.NOTE, found, hint)


def _is_written(change: ChangeOf) -> bool:
    """Whether there is something that `fimbria setup --undo` would take back."""
    try:
        return change(undo=True).is_needed
    except (CommandError, OSError, UnicodeDecodeError):
        return False


def _version_of(program: str) -> str | None:
    """Return the first line of `program --version`; None when there is no such program."""
    if shutil.which(program) is None:
        return None
    return (_output(program, "--version").splitlines() or ["says nothing"])[0].strip()


def _output(program: str, argument: str) -> str:
    """What a program on PATH says; empty where it takes too long, or does not start."""
    try:
        return run_quietly([shutil.which(program) or program, argument]).stdout
    except (subprocess.TimeoutExpired, OSError):
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)", text)
    return tuple(int(number) for number in match.groups()) if match else ()
