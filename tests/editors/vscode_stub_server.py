"""A language server for the VS Code tests: what it does lies in files of a folder.

    vscode_stub_server.py FOLDER lsp

`answer`: what it suggests, several texts with a line `---` between them; the first alone where it
is not asked explicitly. They replace what the entry that is selected in a menu would replace.
`hold`: while it is there, answers wait; `hold-start`: while it is there, the server does not start.
`seen`: what it was asked and told, a line each, for the test to read; also how it was run with
another subcommand than `lsp`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from functools import partial
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer


def make_server(folder: Path) -> LanguageServer:
    """Return a server that follows the files of `folder`."""
    server = LanguageServer("stub", "1")
    note = partial(write_down, folder)

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def complete(params: types.InlineCompletionParams) -> list[types.InlineCompletionItem]:
        kind = types.InlineCompletionTriggerKind(params.context.trigger_kind)
        selected = params.context.selected_completion_info
        note(f"asked {kind.name} {params.position.line}:{params.position.character}")
        if selected is not None:
            note(f"selected {selected.text}")
        try:
            await released(folder)
        except asyncio.CancelledError:
            note("cancelled")
            raise
        here = selected.range if selected else types.Range(params.position, params.position)
        texts = (folder / "answer").read_text(encoding="utf-8").split("\n---\n")
        if kind is types.InlineCompletionTriggerKind.Automatic:
            texts = texts[:1]
        return [types.InlineCompletionItem(text, range=here) for text in texts if text]

    @server.feature(types.INITIALIZED)
    def initialized(_params: types.InitializedParams) -> None:
        note(f"started {os.getpid()} in {Path.cwd()}")
        note(f"folders {sorted(folder.name for folder in server.workspace.folders.values())}")

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def configured(params: types.DidChangeConfigurationParams) -> None:
        note(f"settings {params.settings}")

    return server


def write_down(folder: Path, line: str) -> None:
    with (folder / "seen").open("a", encoding="utf-8") as seen:
        seen.write(line + "\n")


async def released(folder: Path) -> None:
    """Wait until answers are not held back."""
    while (folder / "hold").exists():  # noqa: ASYNC110 - the test is another process
        await asyncio.sleep(0.02)


def main(folder: Path) -> None:
    """Serve, as soon as the start is not held back."""
    while (folder / "hold-start").exists():
        time.sleep(0.02)
    make_server(folder).start_io()


if __name__ == "__main__":
    if sys.argv[2:] == ["lsp"]:
        main(Path(sys.argv[1]))
    else:
        model = os.environ.get("FIMBRIA_MODEL", "")
        write_down(Path(sys.argv[1]), f"ran {' '.join(sys.argv[2:])} with {model} in {Path.cwd()}")
