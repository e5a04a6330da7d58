"""What a question refers to: files, selections and diagnostics, turned into text for the model.

The text is taken once, when the question is asked, and stays with it: the model sees the same in
later turns, so that its KV cache holds, and the user's file may change meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from lsp_server.chat.fields import Fields, wrong
from lsp_server.markdown import fenced
from lsp_server.positions import Position, PositionEncoding, to_offset
from lsp_server.source_text import SourceText

_LINES_AROUND = 5
_SMALLEST_SHARE = 200
_MOST_REFERENCES = 100
_SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """What a tool says of a range."""

    message: str
    span: tuple[Position, Position]
    severity: str = ""
    origin: str = ""
    """Which tool and which of its rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A file, or a part of it. json: as the client has named it."""

    uri: str
    span: tuple[Position, Position] | None = None
    diagnostic: Diagnostic | None = None
    json: Any = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text, and in which language it is."""

    path: str
    language_id: str
    text: SourceText


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file's text must not or cannot be had, as a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A reference as text. problem: what is missing of it, if anything."""

    reference: Reference
    text: str = ""
    problem: str = ""


def read_references(fields: Fields) -> tuple[Reference, ...]:
    """The member `references` of a request. Raises JsonRpcInvalidParams."""
    given = fields.json("references") or ()
    if isinstance(given, list) and len(given) > _MOST_REFERENCES:
        raise wrong("references", f"an array of at most {_MOST_REFERENCES}")
    return tuple(
        _reference(each, json)
        for each, json in zip(fields.objects("references"), given, strict=True)
    )


def excerpt(
    reference: Reference,
    source: Source | Unreadable,
    encoding: PositionEncoding,
    max_chars: int,
) -> Excerpt:
    """The text of a reference with a line on where it is from, in at most about `max_chars`."""
    if isinstance(source, Unreadable):
        return Excerpt(reference, problem=source.why)
    start, end = _offsets(reference, source.text, encoding)
    shown, is_whole = _shortened(source.text.slice(start, end), max_chars)
    if not shown.strip():
        return Excerpt(reference, problem="There is no text there.")
    text = f"{_heading(reference, source, start, start + len(shown))}\n"
    text += fenced(_with_plain_breaks(shown), source.language_id)
    return Excerpt(reference, text, "" if is_whole else "Too long; only its beginning is sent.")


def context_of(excerpts: Sequence[Excerpt]) -> str:
    """What goes before the question."""
    return "\n\n".join(each.text for each in excerpts if each.text)


def share(max_chars: int, num_left: int) -> int:
    """Characters for the next of `num_left` references, which share `max_chars`."""
    return max(_SMALLEST_SHARE, max_chars // max(1, num_left))


def path_within(uri: str, roots: Sequence[str]) -> str:
    """A file's path within the workspace folder (a URI) that holds it, else its name."""
    plain = unquote(uri)  # what is quoted differs from editor to editor
    folders = [unquote(root).rstrip("/") + "/" for root in roots]
    inside = [folder for folder in folders if plain.startswith(folder)]
    if inside:
        return plain.removeprefix(max(inside, key=len))
    return unquote(urlsplit(uri).path.rpartition("/")[2]) or "untitled"


def _reference(fields: Fields, json: Any) -> Reference:
    uri = fields.filled("uri")
    diagnostic = _diagnostic(fields.fields("diagnostic")) if "diagnostic" in fields else None
    span = fields.range("range") if "range" in fields else None
    if diagnostic is not None and span is None:
        span = _lines_around(diagnostic.span)
    return Reference(uri=uri, span=span, diagnostic=diagnostic, json=json)


def _diagnostic(fields: Fields) -> Diagnostic:
    code = fields.json("code")
    if isinstance(code, dict | list):
        raise wrong("diagnostic.code", "a text or a number")
    origin = " ".join(str(part) for part in (fields.text("source", ""), code) if part)
    severity = fields.number("severity", 1, 4, 1)
    return Diagnostic(
        message=fields.filled("message"),
        span=fields.range("range"),
        severity=_SEVERITIES[severity],
        origin=origin,
    )


def _lines_around(span: tuple[Position, Position]) -> tuple[Position, Position]:
    start, end = span
    return Position(max(0, start.line - _LINES_AROUND), 0), Position(
        end.line + _LINES_AROUND + 1, 0
    )


def _offsets(reference: Reference, text: SourceText, encoding: PositionEncoding) -> tuple[int, int]:
    """Where it lies; from the start of its line if only blanks come before."""
    if reference.span is None:
        return 0, len(text)
    start, end = sorted(to_offset(text, at, encoding) for at in reference.span)
    line = text.line_start(text.line_at(start))
    return (line if not text.slice(line, start).strip() else start), end


def _shortened(text: str, max_chars: int) -> tuple[str, bool]:
    """Its first lines, as many as fit."""
    if len(text) <= max_chars:
        return text, True
    cut = text.rfind("\n", 0, max_chars) + 1
    return text[: cut or max_chars], False


def _heading(reference: Reference, source: Source, start: int, end: int) -> str:
    first = source.text.line_at(start) + 1
    last = source.text.line_at(max(start, end - 1)) + 1
    where = f"`{source.path}`"
    if reference.span is not None:
        where += f", line {first}" if first == last else f", lines {first} to {last}"
    if reference.diagnostic is None:
        return f"{where}:"
    found = reference.diagnostic
    origin = f" ({found.origin})" if found.origin else ""
    line = found.span[0].line + 1
    return f"{found.severity.capitalize()} in line {line}: {found.message}{origin}\n\n{where}:"


def _with_plain_breaks(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
