"""Fetches StyLua, as it is on npm for Node, into the cache of the tests; formats the plugin.

python -m tests.editors.get_stylua      lays out every Lua file of the plugin
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.editors import get_vscode
from tests.editors.get_neovim import cache_folder
from tests.editors.neovim_driver import PLUGIN

PACKAGE = "@johnnymorganz/stylua@2.5.2"


def stylua() -> Sequence[str]:
    """The command, to be given `--write` or not and files. Raises get_vscode.NoVSCodeError."""
    tools = get_vscode.tools()
    if not tools.node.exists():
        get_vscode.fetch_node(tools)
    folder = cache_folder() / "stylua"
    if not (folder / "node_modules" / "@johnnymorganz" / "stylua").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        get_vscode.npm(tools, folder, "install", "--ignore-scripts", "--no-audit", PACKAGE)
    script = Path(__file__).with_name("stylua.mjs")
    return [str(tools.node), str(script), str(folder), str(PLUGIN / "stylua.toml")]


def lua_files() -> list[str]:
    """Every Lua file of the plugin."""
    return [str(file) for file in sorted(PLUGIN.rglob("*.lua"))]


if __name__ == "__main__":
    sys.exit(subprocess.run([*stylua(), "--write", *lua_files()], check=False).returncode)
