"""Existing docstrings → blocks. What is not recognised stays text, which nothing touches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from lsp_server.docstrings.blocks import Block, Entry, Line, Section, Text
from lsp_server.docstrings.facts import Kind
from lsp_server.docstrings.styles import Style

_NAMES = r"(?P<names>(?:\\?\*){0,2}[^\W\d][\w.]*(?:\s*,\s*(?:\\?\*){0,2}[^\W\d][\w.]*)*)"
_GOOGLE_ENTRY = re.compile(_NAMES + r"\s*(?:\((?P<type>.*?)\)\s*)?:(?=\s|$)")
_NUMPY_ENTRY = re.compile(_NAMES + r"(?:\s*:(?:\s+(?P<type>.*)|\s*))?")
_UNDERLINE = re.compile(r"(-{3,}|={3,})\s*")
_FIELD = re.compile(r":(?P<field>[a-z]+)(?:[ \t]+(?P<argument>[^:]+?))?[ \t]*:(?=\s|$)")

_HEADINGS = {
    **dict.fromkeys(("args", "arguments", "parameters", "params"), Kind.PARAMETER),
    **dict.fromkeys(("keyword args", "keyword arguments", "other parameters"), Kind.PARAMETER),
    "attributes": Kind.ATTRIBUTE,
    **dict.fromkeys(("returns", "return"), Kind.RETURNS),
    **dict.fromkeys(("yields", "yield"), Kind.YIELDS),
    **dict.fromkeys(("raises", "raise", "except", "exceptions"), Kind.RAISES),
}
_FIELDS = {
    **dict.fromkeys(["param", "parameter", "arg", "argument", "key", "keyword"], Kind.PARAMETER),
    **dict.fromkeys(["ivar", "var", "cvar"], Kind.ATTRIBUTE),
    **dict.fromkeys(["type", "vartype", "rtype", "ytype"], Kind.TYPE),
    **dict.fromkeys(["return", "returns"], Kind.RETURNS),
    **dict.fromkeys(["yield", "yields"], Kind.YIELDS),
    **dict.fromkeys(["raise", "raises", "except", "exception"], Kind.RAISES),
}
_WITH_NAMES = (Kind.PARAMETER, Kind.ATTRIBUTE, Kind.RAISES)


def read(lines: Sequence[Line]) -> tuple[Style | None, tuple[Block, ...]]:
    """Split a docstring's lines into blocks, in the style that finds most in it; None where none
    finds anything.
    """
    readings = [(style, _READERS[style](lines)) for style in Style]
    style, blocks = max(readings, key=lambda reading: _num_found(reading[1]))
    return (style, blocks) if _num_found(blocks) else (None, (Text(tuple(lines)),))


def _num_found(blocks: Sequence[Block]) -> int:
    sections = [block for block in blocks if isinstance(block, Section)]
    num_headed = sum(section.kind is not Kind.OTHER for section in sections)
    return num_headed + sum(len(section.entries) for section in sections)


def _read_google(lines: Sequence[Line]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        kind = _google_heading(lines, at)
        end = _end_of_indented(lines, at + 1)
        section = None if kind is None else _section(Style.GOOGLE, kind, lines[at:end], 1)
        if section is None:
            blocks.append(Text((lines[at],)))
            at += 1
        else:
            blocks.append(section)
            at = end
    return _joined(blocks)


def _google_heading(lines: Sequence[Line], at: int) -> Kind | None:
    text = lines[at].text.rstrip()
    if lines[at].indent or not text.endswith(":"):
        return None
    follows = at + 1 < len(lines) and not lines[at + 1].is_blank and lines[at + 1].indent > 0
    return _HEADINGS.get(text[:-1].strip().lower()) if follows else None


def _read_numpy(lines: Sequence[Line]) -> tuple[Block, ...]:
    heads = [at for at in range(len(lines) - 1) if _is_underlined(lines, at)]
    ends = [*heads[1:], len(lines)] if heads else []
    blocks: list[Block] = [Text(tuple(lines[: heads[0] if heads else len(lines)]))]
    for at, next_at in zip(heads, ends, strict=True):
        kind = _HEADINGS.get(lines[at].text.strip().lower(), Kind.OTHER)
        end = _without_blanks(lines, at + 2, next_at)
        section = _section(Style.NUMPY, kind, lines[at:end], 2)
        blocks.append(section or Section(Style.NUMPY, Kind.OTHER, tuple(lines[at:end]), (), 2))
        blocks.append(Text(tuple(lines[end:next_at])))
    return _joined(blocks)


def _is_underlined(lines: Sequence[Line], at: int) -> bool:
    title, below = lines[at], lines[at + 1]
    if title.is_blank or title.indent or not title.text.strip().replace(" ", "").isalpha():
        return False
    return _UNDERLINE.fullmatch(below.text) is not None


def _read_sphinx(lines: Sequence[Line]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        entries: list[Entry] = []
        while at < len(lines) and (match := _field(lines[at])):
            end = _end_of_field(lines, at + 1)
            entries.append(_field_entry(match, lines[at:end]))
            at = end
        if entries:
            blocks.append(Section(Style.SPHINX, Kind.OTHER, (), tuple(entries), 0))
        else:
            blocks.append(Text((lines[at],)))
            at += 1
    return _joined(blocks)


def _field(line: Line) -> re.Match[str] | None:
    match = _FIELD.match(line.text)
    return match if match and match["field"] in _FIELDS else None


def _field_entry(match: re.Match[str], lines: Sequence[Line]) -> Entry:
    kind = _FIELDS[match["field"]]
    argument = match["argument"] or ""
    if match["field"] in ("type", "vartype"):
        told = lines[0].text[match.end() :].strip() if len(lines) == 1 else ""
        return Entry(kind, (_bare(argument),), tuple(lines), told)
    if kind not in _WITH_NAMES:
        return Entry(kind, (), tuple(lines))
    type_, _, name = argument.rpartition(" ")
    names = argument.replace(" ", "").split(",") if kind is Kind.RAISES else [_bare(name)]
    return Entry(kind, tuple(names), tuple(lines), type_)


def _end_of_field(lines: Sequence[Line], at: int) -> int:
    """Behind the lines that go on with a field: what is indented, and what follows at once."""
    end = _end_of_indented(lines, at)
    while end < len(lines) and end == at and not lines[end].is_blank and not _field(lines[end]):
        at = end = _end_of_indented(lines, end + 1)
    return end


def _section(style: Style, kind: Kind, lines: Sequence[Line], num_heading: int) -> Section | None:
    """Split a section into its entries; None if it should have some and has none."""
    if kind not in _WITH_NAMES:
        return Section(style, kind, tuple(lines), (), num_heading)
    content = lines[num_heading:]
    indent = next((line.indent for line in content if not line.is_blank), 0)
    pattern = _GOOGLE_ENTRY if style is Style.GOOGLE else _NUMPY_ENTRY
    starts = [
        at + num_heading
        for at, line in enumerate(content)
        if line.indent == indent and not line.is_blank and _opens_entry(pattern, style, line)
    ]
    if not starts:
        return None
    entries = [
        _entry(kind, pattern, lines[start:end])
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    return Section(style, kind, tuple(lines[: starts[0]]), tuple(entries), num_heading)


def _opens_entry(pattern: re.Pattern[str], style: Style, line: Line) -> bool:
    text = line.text.strip()
    return bool(pattern.match(text) if style is Style.GOOGLE else pattern.fullmatch(text))


def _entry(kind: Kind, pattern: re.Pattern[str], lines: Sequence[Line]) -> Entry:
    match = pattern.match(lines[0].text.strip())
    if match is None:
        raise AssertionError("an entry begins with what the pattern has found")
    names = tuple(_bare(name) for name in match["names"].split(","))
    return Entry(kind, names, tuple(lines), match["type"] or "")


def _bare(name: str) -> str:
    return name.strip().lstrip("\\*")


def _end_of_indented(lines: Sequence[Line], at: int) -> int:
    """Behind the indented lines from `at` on, blank ones between them included."""
    end = at
    while end < len(lines) and (lines[end].is_blank or lines[end].indent):
        end += 1
    return _without_blanks(lines, at, end)


def _without_blanks(lines: Sequence[Line], start: int, end: int) -> int:
    while end > start and lines[end - 1].is_blank:
        end -= 1
    return end


def _joined(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Make one of texts that stand beside each other."""
    joined: list[Block] = []
    for block in blocks:
        if isinstance(block, Text) and not block.lines:
            continue
        if isinstance(block, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text((*joined[-1].lines, *block.lines))
        else:
            joined.append(block)
    return tuple(joined)


_READERS: dict[Style, Callable[[Sequence[Line]], tuple[Block, ...]]] = {
    Style.GOOGLE: _read_google,
    Style.NUMPY: _read_numpy,
    Style.SPHINX: _read_sphinx,
}
