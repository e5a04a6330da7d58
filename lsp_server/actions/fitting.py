"""Code as a model writes it → code as it must stand in the document: indentation, tabs, line ends,
and every line that was not to be changed exactly as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lsp_server.edits import differences, lines_of

_INDENT = re.compile(r"[ \t]*")


def fitted(code: str, old: str, document: str, line_break: str) -> str:
    """Fit code into the place of `old`, which consists of whole lines of `document`.

    code: with `\\n` for line breaks. It gets the document's kind of indentation and the indentation
    of the first line of `old`; lines that `old` has too are taken from there, with the blanks at
    their end and their line breaks.
    """
    lines = _trimmed(code.split("\n"))
    lines = _in_kind_of(lines, indent_unit(document) or indent_unit(old), old)
    lines = _shifted(lines, _first_indent(lines_of(old)), old)
    text = _with_kept_lines(lines, lines_of(old), line_break)
    return text if old.endswith(("\n", "\r")) or not old else text.rstrip("\r\n")


def indent_unit(text: str) -> str:
    """What one level of indentation is in a text: a tab or some blanks; empty where it does not
    tell.
    """
    tabs, widths = 0, dict[int, int]()
    last = 0
    for line in lines_of(text)[:2000]:
        if not line.strip():
            continue
        indent = _indent(line)
        tabs += indent.startswith("\t")
        step = len(indent) - last if " " in indent and "\t" not in indent else 0
        last = len(indent)
        if step in (2, 3, 4, 8):
            widths[step] = widths.get(step, 0) + 1
    if tabs > sum(widths.values()):
        return "\t"
    return " " * max(widths, key=lambda width: widths[width]) if widths else ""


def _trimmed(lines: Sequence[str]) -> list[str]:
    """Without blank lines around it."""
    used = [at for at, line in enumerate(lines) if line.strip()]
    return list(lines[used[0] : used[-1] + 1]) if used else []


def _in_kind_of(lines: list[str], unit: str, old: str) -> list[str]:
    """Tabs for blanks or blanks for tabs, where the answer uses the other kind. Lines that stand in
    the old code just so, as those of long strings may, stay as they are.
    """
    own = indent_unit("\n".join(lines))
    has_tabs = any(_indent(line).startswith("\t") for line in lines)
    if not unit or has_tabs == (unit == "\t") or (not own and unit != "\t"):
        return lines
    known = {line.rstrip() for line in lines_of(old)}
    return [
        line if line.rstrip() in known else _in_unit(line, own or "    ", unit) for line in lines
    ]


def _in_unit(line: str, own: str, unit: str) -> str:
    indent = _indent(line)
    if own == "\t" or "\t" in indent:
        levels, rest = indent.count("\t"), indent.replace("\t", "")
    else:
        levels, rest = len(indent) // len(own), " " * (len(indent) % len(own))
    return unit * levels + rest + line[len(indent) :]


def _shifted(lines: list[str], indent: str, old: str) -> list[str]:
    """Start where the old code starts. Lines that begin left of the first one, as those of long
    strings may, and lines that stand in the old code just so, stay where they are.
    """
    own = _first_indent(lines)
    if own == indent:
        return lines
    known = {line.rstrip() for line in lines_of(old)}
    return [
        line
        if not line.strip() or not line.startswith(own) or line.rstrip() in known
        else indent + line[len(own) :]
        for line in lines
    ]


def _with_kept_lines(lines: Sequence[str], old: Sequence[str], line_break: str) -> str:
    was, will_be = [line.rstrip() for line in old], [line.rstrip() for line in lines]
    kept: list[str] = []
    after = 0
    for first, last, other, other_last in differences(was, will_be):
        kept += old[after:first]
        kept += [line + line_break for line in will_be[other:other_last]]
        after = last
    kept += old[after:]
    if kept and not kept[-1].endswith(("\n", "\r")):
        kept[-1] += line_break
    return "".join(
        line if at == len(kept) - 1 or line.endswith(("\n", "\r")) else line + line_break
        for at, line in enumerate(kept)
    )


def _first_indent(lines: Sequence[str]) -> str:
    return next((_indent(line) for line in lines if line.strip()), "")


def _indent(line: str) -> str:
    match = _INDENT.match(line)
    return match.group() if match else ""
