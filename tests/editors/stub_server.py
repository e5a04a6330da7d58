"""A language server for the editor tests that answers what it was told to, when it was told to.

The test says through the editor's client what is to be answered (`stub/script`), lets held answers
go (`stub/release`), and asks what came in (`stub/seen`); so nothing here depends on time.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

Answer = dict[str, Any]


@dataclass(slots=True)
class Script:
    """What to answer, and what has happened so far.

    rules: the first whose `after` ends the text before the cursor says with `text` what to suggest
    (None: the answer is null), with `before` and `cover` how many characters on either side of the
    cursor that replaces, and with `hold` that the answer is to wait for its release.
    """

    rules: list[Answer] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)


def text_before(server: LanguageServer, params: types.InlineCompletionParams) -> str:
    """Return the cursor's line up to the cursor."""
    lines = server.workspace.get_text_document(params.text_document.uri).source.split("\n")
    line = lines[params.position.line].removesuffix("\r") if lines else ""
    # Neovim and this server agree on UTF-8.
    return line.encode()[: params.position.character].decode()


def item(rule: Answer, cursor: types.Position) -> types.InlineCompletionItem:
    """Return what the rule suggests at the cursor."""
    return types.InlineCompletionItem(
        insert_text=rule["text"],
        range=types.Range(
            types.Position(cursor.line, cursor.character - rule.get("before", 0)),
            types.Position(cursor.line, cursor.character + rule.get("cover", 0)),
        ),
        command=types.Command("Accepted", "stub.accepted", arguments=[rule["text"]]),
    )


def make_server(rules: list[Answer]) -> LanguageServer:
    """Return a server that follows `rules` until it gets others."""
    server = LanguageServer("stub", "1", text_document_sync_kind=types.TextDocumentSyncKind.Full)
    script = Script(rules)

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def complete(
        params: types.InlineCompletionParams,
    ) -> list[types.InlineCompletionItem] | None:
        before = text_before(server, params)
        script.asked.append(before)
        rule = next((rule for rule in script.rules if before.endswith(rule["after"])), None)
        if rule and rule.get("hold"):
            await script.released.wait()
        script.answered.append(before)
        if rule is None:
            return []
        return None if rule["text"] is None else [item(rule, params.position)]

    @server.command("stub.accepted")
    def accepted(text: str) -> None:
        script.accepted.append(text)

    @server.feature("stub/script")
    def follow(params: Any) -> None:
        nonlocal script
        script = Script(rules=[rule._asdict() for rule in params.rules])

    @server.feature("stub/release")
    def release(_params: Any) -> None:
        script.released.set()

    @server.feature("stub/seen")
    def seen(_params: Any) -> Answer:
        return {
            "asked": script.asked,
            "answered": script.answered,
            "accepted": script.accepted,
        }

    return server


def main(arguments: list[str]) -> None:
    """Serve on standard input and output; `--suggest TEXT` suggests that from the beginning."""
    suggested = arguments[arguments.index("--suggest") + 1] if "--suggest" in arguments else None
    make_server([{"after": "", "text": suggested}] if suggested else []).start_io()


if __name__ == "__main__":
    main(sys.argv[1:])
