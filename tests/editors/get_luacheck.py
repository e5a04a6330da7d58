"""Fetches luacheck from Debian, as get_neovim.py does Neovim; Neovim itself can run it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.editors.get_neovim import (
    SUITES,
    NoNeovimError,
    cache_folder,
    debian_mirror,
    download,
    unpack,
)


def luacheck() -> Path:
    """The folder that its modules are below. Raises NoNeovimError."""
    home = cache_folder() / "luacheck"
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix="luacheck-") as work:
            packages = download(Path(work), debian_mirror(), SUITES[0], "lua-check")
            wanted = [path for path in packages if path.name.startswith("lua-check_")]
            unpack(wanted, Path(work) / "tree").rename(home)
    found = next(home.glob("usr/share/lua/*/luacheck/init.lua"), None)
    if found is None:
        shutil.rmtree(home)
        raise NoNeovimError("the package lua-check holds no luacheck in the expected place")
    return found.parents[1]
