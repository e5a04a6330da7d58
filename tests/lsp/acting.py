"""What an editor does with code actions: lists, resolves and applies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lsp_server.positions import Position, PositionEncoding
from lsp_server.settings import Settings
from tests.lsp.client import URI, LspClient, Message
from tests.unit.strategies import naive_lines, naive_offset, naive_units

CHATTING = Settings(warm_up=False, guess_ahead=False, chat_model="chatty")
"""There is a model that chats, and the runtime gets the editor's requests and no others."""
RESOLVING: Mapping[str, Any] = {
    "textDocument": {"codeAction": {"resolveSupport": {"properties": ["edit"]}}},
    "workspace": {
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]},
        "applyEdit": True,
    },
}
"""An editor such as VS Code or Neovim."""


def place(text: str, offset: int, encoding: PositionEncoding) -> dict[str, int]:
    """The protocol's position of an offset."""
    lines = naive_lines(text[:offset])
    return {
        "line": len(lines) - 1,
        "character": sum(naive_units(char, encoding) for char in lines[-1]),
    }


def span(
    text: str, part: str, encoding: PositionEncoding = PositionEncoding.UTF16
) -> dict[str, dict[str, int]]:
    """The range of the first place where a part of a text stands."""
    start = text.index(part)
    return {
        "start": place(text, start, encoding),
        "end": place(text, start + len(part), encoding),
    }


def cursor(
    text: str, before: str, encoding: PositionEncoding = PositionEncoding.UTF16
) -> dict[str, dict[str, int]]:
    """An empty range directly before a part of a text."""
    at = span(text, before, encoding)["start"]
    return {"start": at, "end": at}


def diagnostic(at: Mapping[str, object], message: str, **more: object) -> Message:
    return {"range": at, "message": message, **more}


async def listed(
    client: LspClient,
    at: Mapping[str, object],
    diagnostics: Sequence[Message] = (),
    uri: str = URI,
    **context: object,
) -> list[Message]:
    """The actions that are offered at a range."""
    params = {
        "textDocument": {"uri": uri},
        "range": at,
        "context": {"diagnostics": list(diagnostics), **context},
    }
    found: list[Message] = await client.result(client.ask("textDocument/codeAction", params))
    return found


def titled(actions: Sequence[Message], title: str) -> Message:
    """The only action whose title begins so."""
    (action,) = [action for action in actions if action["title"].startswith(title)]
    return action


def resolve(client: LspClient, action: Message) -> int:
    """Choose an action; returns the request's id."""
    return client.ask("codeAction/resolve", action)


async def told(client: LspClient) -> str:
    """The next message that is shown."""
    message: str = (await client.take("window/showMessage"))["params"]["message"]
    return message


def applied(
    text: str,
    edit: Mapping[str, Any],
    encoding: PositionEncoding = PositionEncoding.UTF16,
    version: int | None = 1,
    uri: str = URI,
) -> str:
    """The buffer after an edit that is for one document, at this version."""
    if "documentChanges" in edit:
        (change,) = [change for change in edit["documentChanges"] if "edits" in change]
        assert change["textDocument"] == {"uri": uri, "version": version}
        edits = change["edits"]
    else:
        ((changed, edits),) = edit["changes"].items()
        assert changed == uri
    spans = [
        (
            *(_offset(text, edit["range"][end], encoding) for end in ("start", "end")),
            edit["newText"],
        )
        for edit in edits
    ]
    last = len(text)
    for start, end, new in sorted(spans, reverse=True):
        assert start <= end <= last, "edits overlap"
        text, last = text[:start] + new + text[end:], start
    return text


def _offset(text: str, at: Mapping[str, int], encoding: PositionEncoding) -> int:
    position = Position(at["line"], at["character"])
    offset = naive_offset(text, position, encoding)
    assert place(text, offset, encoding) == at, "not a position of the text"
    return offset
