"""A talk as a Markdown document."""

from __future__ import annotations

from collections.abc import Iterator

from lsp_server.cli.console.talk import Talk
from lsp_server.markdown import fenced
from model_runtime.api import ModelInfo


def transcript(talk: Talk, info: ModelInfo) -> str:
    """What was said, under headings. Code stands in fences; a chat's texts are Markdown as they
    are.
    """
    return "\n\n".join(_parts(talk, info)) + "\n"


def _parts(talk: Talk, info: ModelInfo) -> Iterator[str]:
    mode = talk.ways.mode
    yield f"# {mode.name.capitalize()} with {info.id}"
    if talk.system:
        yield f"## System\n\n{talk.system.strip()}"
    show = str.strip if mode.chats else _code
    asked = "You" if mode.chats else "Text"
    for exchange in talk.exchanges:
        yield f"## {asked}\n\n{show(exchange.text)}"
        yield f"## Answer\n\n{show(exchange.answer)}"


def _code(text: str) -> str:
    return fenced(text, "")
