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
from pygls.protocol import LanguageServerProtocol

Answer = dict[str, Any]


@dataclass(slots=True)
class Script:
    """What to answer, and what has happened so far.

    rules: the first whose `after` ends the text before the cursor says with `text` what to suggest
    (None: the answer is null), with `others` what else when asked explicitly, with `before` and
    `cover` how many characters on either side of the cursor that replaces, with `hold` that the
    answer is to wait for its release, and with `delay_s` that it takes so long.
    asked, answered: the text before the cursor. heard: our own notifications, as method and params.
    selected: the entries of completion menus that questions named.
    """

    rules: list[Answer] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    heard: list[tuple[str, Answer]] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)


def text_before(server: LanguageServer, params: types.InlineCompletionParams) -> str:
    """Return the cursor's line up to the cursor."""
    lines = server.workspace.get_text_document(params.text_document.uri).source.split("\n")
    line = lines[params.position.line].removesuffix("\r") if lines else ""
    # Neovim and this server agree on UTF-8.
    return line.encode()[: params.position.character].decode()


def item(rule: Answer, text: str, cursor: types.Position) -> types.InlineCompletionItem:
    """Return what the rule suggests at the cursor."""
    return types.InlineCompletionItem(
        insert_text=text,
        range=types.Range(
            types.Position(cursor.line, cursor.character - rule.get("before", 0)),
            types.Position(cursor.line, cursor.character + rule.get("cover", 0)),
        ),
        command=types.Command("Accepted", "stub.accepted", arguments=[text]),
    )


class StubProtocol(LanguageServerProtocol):
    """Announces what Fimbria does beyond the standard."""

    def _send_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        if isinstance(result, types.InitializeResult):
            result.capabilities.experimental = {"fimbria": {"events": True}}
        super()._send_response(msg_id, result, error)


def make_server(rules: list[Answer]) -> LanguageServer:
    """Return a server that follows `rules` until it gets others."""
    server = LanguageServer(
        "stub",
        "1",
        text_document_sync_kind=types.TextDocumentSyncKind.Full,
        protocol_cls=StubProtocol,
    )
    script = Script(rules)

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def complete(
        params: types.InlineCompletionParams,
    ) -> list[types.InlineCompletionItem] | None:
        before = text_before(server, params)
        script.asked.append(before)
        if params.context.selected_completion_info:
            script.selected.append(params.context.selected_completion_info.text)
        rule = next((rule for rule in script.rules if before.endswith(rule["after"])), None)
        if rule and rule.get("hold"):
            await script.released.wait()
        if rule and rule.get("delay_s"):
            await asyncio.sleep(rule["delay_s"])
        script.answered.append(before)
        if rule is None:
            return []
        if rule["text"] is None:
            return None
        is_invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
        texts = [rule["text"], *(rule.get("others", []) if is_invoked else [])]
        return [item(rule, text, params.position) for text in texts]

    @server.command("stub.accepted")
    def accepted(text: str) -> None:
        script.accepted.append(text)

    for kind in ("didShow", "didAccept", "didDismiss"):
        method = f"fimbria/{kind}Completion"

        @server.feature(method)
        def hear(params: Any, method: str = method) -> None:
            script.heard.append((method, params._asdict()))

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
            "heard": script.heard,
            "selected": script.selected,
        }

    return server


def main(arguments: list[str]) -> None:
    """Serve on standard input and output; `--suggest TEXT` suggests that from the beginning."""
    suggested = arguments[arguments.index("--suggest") + 1] if "--suggest" in arguments else None
    make_server([{"after": "", "text": suggested}] if suggested else []).start_io()


if __name__ == "__main__":
    main(sys.argv[1:])
