"""editors → LSP → lsp_server → model_runtime.api ← the rest of model_runtime."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
RUNTIME_MODULES = sorted((PROJECT / "model_runtime").rglob("*.py"))
HEAVY = {"torch", "transformers", "accelerate", "sentencepiece", "numpy", "safetensors"}
NOT_AT_START = HEAVY | {"aiohttp", "uvicorn", "starlette", "typer", "rich", "websockets"}


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after running `code`."""
    report = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], cwd=PROJECT, capture_output=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_the_language_server_never_imports_torch() -> None:
    modules = modules_after(
        "import pkgutil, importlib, lsp_server\n"
        "from lsp_server import server\n"
        "for module in pkgutil.walk_packages(lsp_server.__path__, 'lsp_server.'):\n"
        "    importlib.import_module(module.name)\n"
    )
    assert modules & HEAVY == set()


def test_the_language_server_starts_light() -> None:
    code = "from lsp_server.server import make_server, daemon_runtime\nmake_server(daemon_runtime)"
    assert modules_after(code) & NOT_AT_START == set()


def test_the_client_of_the_runtime_is_light() -> None:
    code = "import model_runtime.client, model_runtime.api, model_runtime.models"
    assert modules_after(code) & (HEAVY | {"aiohttp", "pygls", "lsprotocol"}) == set()


@pytest.mark.parametrize("path", RUNTIME_MODULES, ids=lambda path: path.name)
def test_the_runtime_knows_nothing_of_the_protocol(path: Path) -> None:
    assert imported_by(path) & {"pygls", "lsprotocol", "lsp_server"} == set()


def imported_by(path: Path) -> set[str]:
    """Top-level packages that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}
