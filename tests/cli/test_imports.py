"""Nothing is imported that a user or an editor would wait for without need."""

from __future__ import annotations

import subprocess
import sys


def test_the_command_line_imports_neither_torch_nor_what_only_the_daemon_needs() -> None:
    script = (
        "import sys; from lsp_server.cli.app import run; run(['--help']);"
        "heavy = {'torch', 'transformers', 'aiohttp', 'starlette', 'uvicorn', 'pygls'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_way_to_the_server_imports_no_command_line_library() -> None:
    script = (
        "import sys; sys.argv = ['fimbria', 'lsp', '--help'];"
        "from lsp_server.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'typer', 'rich', 'argparse', 'torch', 'aiohttp'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
