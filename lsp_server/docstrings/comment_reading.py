"""Existing doc comments → blocks. What is not recognised stays text, which nothing touches."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lsp_server.docstrings.blocks import Block, Entry, Line, Section, Text, Written
from lsp_server.docstrings.facts import Kind
from lsp_server.docstrings.styles import CommentStyle

_TAG = re.compile(
    r"[@\\](?P<tag>[a-z]+)(?:\[[a-z, ]+\])?(?:\s+\{(?P<type>(?:[^{}]|\{[^{}]*\})*)\})?"
    r"(?:\s+\[?(?P<name><?[\w$.]+(?:::\w+)*>?))?"
)
_KINDS = {
    **dict.fromkeys(["param", "arg", "argument", "tparam"], Kind.PARAMETER),
    **dict.fromkeys(["return", "returns", "result"], Kind.RETURNS),
    **dict.fromkeys(["yields", "yield"], Kind.YIELDS),
    **dict.fromkeys(["throws", "throw", "exception"], Kind.RAISES),
}
_HEADING = re.compile(r"#+ (?P<title>.+?)\s*")
_TITLES = {
    **dict.fromkeys(["arguments", "parameters"], Kind.PARAMETER),
    "returns": Kind.RETURNS,
    "errors": Kind.RAISES,
}
_ITEM = re.compile(r"[*-] `(?P<name>[^`]+)`")
_FENCE = "```"

Reading = tuple[CommentStyle | None, tuple[Block, ...]]


def read_tags(lines: Sequence[Line]) -> Reading:
    """Split a comment with tags: what comes before the first one is text."""
    starts = [at for at, line in enumerate(lines) if _tag(line)]
    if not starts:
        return None, (Text(tuple(lines)),) if lines else ()
    entries = tuple(
        _tag_entry(lines[start:end])
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    )
    section = Section(CommentStyle.TAGS, Kind.OTHER, (), entries, 0)
    before = lines[: starts[0]]
    return None, (Text(tuple(before)), section) if before else (section,)


def _tag(line: Line) -> re.Match[str] | None:
    return _TAG.match(line.text.lstrip())


def _tag_entry(lines: Sequence[Line]) -> Entry:
    match = _tag(lines[0])
    if match is None:
        raise AssertionError("an entry begins with a tag")
    kind = _KINDS.get(match["tag"], Kind.OTHER)
    type_, name = match["type"] or "", match["name"] or ""
    if kind is Kind.RAISES:
        name = type_ or name
    if kind not in (Kind.PARAMETER, Kind.RAISES) or ("." in name and kind is Kind.PARAMETER):
        return Entry(Kind.OTHER if kind is Kind.PARAMETER else kind, (), tuple(lines))
    return Entry(kind, (name,), tuple(lines), type_)


def read_rustdoc(lines: Sequence[Line]) -> Reading:
    """Split Markdown at its headings."""
    heads = _headings(lines)
    ends = [*heads[1:], len(lines)] if heads else []
    before = tuple(lines[: heads[0] if heads else len(lines)])
    blocks: list[Block] = [Text(before)] if before else []
    for start, next_start in zip(heads, ends, strict=True):
        end = next_start
        while lines[end - 1].is_blank:
            end -= 1
        match = _HEADING.fullmatch(lines[start].text)
        kind = _TITLES.get(match["title"].lower() if match else "", Kind.OTHER)
        blocks.append(_rust_section(kind, lines[start:end]))
        if end < next_start:
            blocks.append(Text(tuple(lines[end:next_start])))
    return None, tuple(blocks)


def _headings(lines: Sequence[Line]) -> list[int]:
    """Where sections begin: not at a `#` within a block of code."""
    heads, in_code = [], False
    for at, line in enumerate(lines):
        if line.text.lstrip().startswith(_FENCE):
            in_code = not in_code
        elif not in_code and _HEADING.fullmatch(line.text):
            heads.append(at)
    return heads


def _rust_section(kind: Kind, lines: Sequence[Line]) -> Section:
    starts = [at for at, line in enumerate(lines) if at and _ITEM.match(line.text)]
    if kind is Kind.RAISES:
        entry = Entry(kind, ("error",), ())
        return Section(CommentStyle.RUSTDOC, kind, tuple(lines), (entry,), 1)
    if kind is not Kind.PARAMETER or not starts:
        return Section(CommentStyle.RUSTDOC, kind, tuple(lines), (), len(lines))
    ends = [*starts[1:], len(lines)]
    entries = tuple(_item_entry(lines[a:b]) for a, b in zip(starts, ends, strict=True))
    head: tuple[Written, ...] = tuple(lines[: starts[0]])
    return Section(CommentStyle.RUSTDOC, kind, head, entries, len(head))


def _item_entry(lines: Sequence[Line]) -> Entry:
    match = _ITEM.match(lines[0].text)
    return Entry(Kind.PARAMETER, (match["name"] if match else "",), tuple(lines))


def read_sentence(lines: Sequence[Line]) -> Reading:
    """A comment without parts."""
    return None, (Text(tuple(lines)),) if lines else ()
