"""From a key to ghost text on the drawn screen, in a real Neovim with the starter model.

`python -m benchmarks.ghost [--delays 60 150 800] [--out FOLDER]` types a function of Fimbria's own
source into Neovim, once at each pace, with the plugin and without, and prints a table. Neovim is
fetched as the tests do it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.ghost_keys import Frames, Key, keys_of, type_keys
from benchmarks.ghost_report import figures, ghost_markdown
from benchmarks.machine import machine
from benchmarks.report import write_pair
from tests.editors.get_neovim import neovim
from tests.editors.neovim_driver import Editor, running, until

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "lsp_server" / "source_text.py"
NUM_LINES = 12
SIZE = (120, 40)
SERVER = (sys.executable, "-m", "lsp_server")


def main() -> None:
    """Measure, print, and write the results if a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delays", type=float, nargs="+", default=[60, 150, 800], metavar="MS")
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    config = {
        **machine(),
        "model": "starter",
        "dtype": "float32",
        "device": "cpu",
        "threads": os.cpu_count() or 1,
        "source": SOURCE.name,
    }
    result = {"config": config, "points": measured(arguments.delays)}
    page = ghost_markdown(result)
    sys.stdout.write(page)
    if arguments.out:
        stem = arguments.out / f"{config['date']}-ghost-neovim"
        write_pair(stem, page, json.dumps(result, indent=1))


def measured(delays_ms: Sequence[float]) -> list[dict[str, object]]:
    """One point for each pace."""
    before, typed, after = sample(SOURCE.read_text(encoding="utf-8"))
    keys = list(keys_of(typed))
    points = []
    with tempfile.TemporaryDirectory() as folder, daemon_of_its_own() as environment:
        file = Path(folder) / SOURCE.name
        for delay_ms in delays_ms:
            runs: dict[bool, list[Key]] = {}
            for with_plugin in (False, True):
                file.write_text("\n".join([*before, *after]), encoding="utf-8")
                with neovim_on(file, environment, with_plugin=with_plugin) as (editor, frames):
                    editor.keys(f"{len(before)}GA")
                    editor.wait_for_mode("i")
                    runs[with_plugin] = type_keys(
                        editor, frames, keys, delay_ms, with_plugin=with_plugin
                    )
            figure = figures(delay_ms, runs[True], runs[False])
            points.append({**figure, "keys": [asdict(key) for key in runs[True]]})
    return points


def sample(text: str) -> tuple[list[str], list[str], list[str]]:
    """What comes before, what is typed, and what comes after: lines from the file's middle."""
    lines = text.splitlines()
    starts = [at for at, line in enumerate(lines) if line.startswith("    def ")]
    start = next(at for at in starts if at >= len(lines) // 2)
    return lines[:start], lines[start : start + NUM_LINES], lines[start + NUM_LINES :]


@contextmanager
def daemon_of_its_own() -> Iterator[dict[str, str]]:
    """An environment whose daemon nobody else uses; it ends with it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "FIMBRIA_RUNTIME_DIR": folder,
            "FIMBRIA_LOG_FILE": f"{folder}/lsp.log",
            "FIMBRIA_DEVICE": "cpu",
        }
        try:
            yield environment
        finally:
            stop = [*SERVER, "stop", "--all"]
            subprocess.run(stop, env={**os.environ, **environment}, check=True, capture_output=True)


@contextmanager
def neovim_on(
    file: Path, environment: dict[str, str], *, with_plugin: bool
) -> Iterator[tuple[Editor, Frames]]:
    """A Neovim that shows the file, with the model loaded."""
    setup = "vim.o.swapfile = false"
    with (
        tempfile.TemporaryDirectory() as home,
        running(
            neovim(),
            Path(home),
            server=SERVER,
            environment=environment,
            setup=setup,
            size=SIZE,
            plugin=with_plugin,
        ) as editor,
    ):
        frames = Frames(*SIZE)
        frames.go_on_from(editor.rpc.screen)
        editor.rpc.screen = frames
        editor.command(f"edit {file}")
        editor.command("mode")  # draws all of the screen anew, for the one that has seen nothing
        editor.command("setlocal noautoindent indentexpr= indentkeys=")
        if with_plugin:
            editor.wait_for_server()
            until(lambda: editor.lua(READY), "the model")
        yield editor, frames


READY = """
    local client = vim.lsp.get_clients({ name = 'fimbria' })[1]
    local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
    params.context = { triggerKind = 1 }
    local answer = client:request_sync('textDocument/inlineCompletion', params, 60000, 0)
    return answer ~= nil and answer.err == nil
"""

if __name__ == "__main__":
    main()
