"""Documents the definition at a place, in any language that there are doc comments for."""

from __future__ import annotations

from lsp_server.docstrings.answers import Refusal, Write
from lsp_server.docstrings.comment_document import document_commented
from lsp_server.docstrings.python_document import document_python
from lsp_server.docstrings.python_source import PlainText
from lsp_server.docstrings.styles import Style
from lsp_server.edits import Change, minimal_changes
from lsp_server.source_text import SourceText


async def document_definition(
    text: str, language_id: str, offset: int, *, style: Style | None, write: Write
) -> tuple[Change, ...] | Refusal:
    """Give the function or class around `offset` a docstring, or bring the one it has up to date.

    style: for Python; None takes the file's own. write: asked for one line of prose at a time.

    The changes are in offsets of `text`, whose line breaks, indentation and quotes they keep; with
    them made, the code is what it was but for the docstring, and that names the parameters of the
    signature, all of them and no others.
    """
    plain = PlainText.of(text)
    at = plain.plain(offset)
    change: Change | Refusal
    try:
        if language_id == "python":
            change = await document_python(plain.text, at, style, write)
        else:
            change = await document_commented(plain.text, language_id, at, write)
    except RecursionError:
        return Refusal("The code is nested too deeply to be understood.")
    if isinstance(change, Refusal):
        return change
    return _in_original(text, plain, change)


def _in_original(text: str, plain: PlainText, change: Change) -> tuple[Change, ...]:
    """The smallest changes that do the same to the text with its own line breaks."""
    line_break = SourceText.of(text).main_line_break()
    old = plain.text[change.start : change.end]
    moved = (small.moved(change.start) for small in minimal_changes(old, change.text))
    return tuple(
        Change(
            plain.original(small.start),
            plain.original(small.end),
            small.text.replace("\n", line_break),
        )
        for small in moved
    )
