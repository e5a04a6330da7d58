"""The string literal that a docstring is: its lines as the file spells them, and new ones."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lsp_server.docstrings.blocks import Line
from lsp_server.source_text import num_common

_TRIPLE = re.compile(r"([rRuU]?)(\"{3}|'{3})(.*)\2", re.DOTALL)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Literal:
    """A docstring's literal.

    lines: what is there, without the line that only the closing quotes stand on. margin: the
    indentation of its lines. closing: what stands before the closing quotes if they have a line of
    their own, else None.
    """

    margin: str
    lines: tuple[Line, ...] = ()
    prefix: str = ""
    quote: str = '"""'
    closing: str | None = None

    @property
    def opening(self) -> str:
        return self.prefix + self.quote

    @property
    def is_raw(self) -> bool:
        return "r" in self.prefix.lower()

    def new_line(self, text: str) -> Line:
        """Spell a line that is not there yet."""
        margin = self.margin if text else ""
        return Line(text, margin + self.encoded(text))

    def encoded(self, text: str) -> str:
        """Spell a text so that it can stand anywhere in the literal but at its very end."""
        if self.is_raw:
            other = "'''" if self.quote == '"""' else '"""'
            return _CONTROL.sub(" ", text).replace(self.quote, other)
        text = text.replace("\\", "\\\\").replace(self.quote, "\\" + "\\".join(self.quote))
        return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)

    def spelled(self, lines: Sequence[Line]) -> str:
        """The whole literal with these lines."""
        return self.opening + self.inner(lines) + self.quote

    def inner(self, lines: Sequence[Line]) -> str:
        """What stands between the quotes: several lines put the closing ones on their own."""
        if len(lines) == 1 and self.closing is None:
            return self._ending(self.joined(lines))
        closing = self.margin if self.closing is None else self.closing
        return f"{self.joined(lines)}\n{closing}"

    def up_to(self, done: Sequence[Line], text: str) -> str:
        """Spell these lines, and the next one as far as it is known."""
        if not done:
            return self.encoded(text)
        return f"{self.joined(done)}\n{self.margin}{self.encoded(text)}"

    def joined(self, lines: Sequence[Line]) -> str:
        """What stands behind the opening quotes, up to the end of the last of these lines."""
        placed = (self._placed(line, is_first=at == 0) for at, line in enumerate(lines))
        return "\n".join(placed)

    def _placed(self, line: Line, *, is_first: bool) -> str:
        was_first = bool(self.lines) and line is self.lines[0]
        if is_first:
            return line.source if was_first else line.source.lstrip()
        return self.margin + line.source.lstrip() if was_first else line.source

    def _ending(self, source: str) -> str:
        """A text that stands directly before the closing quotes."""
        if not source.endswith(self.quote[0]) or self.is_raw:
            return source
        num_escapes = len(source[:-1]) - len(source[:-1].rstrip("\\"))
        return source if num_escapes % 2 else source[:-1] + "\\" + source[-1]


def read_literal(source: str, indent: str) -> Literal:
    """Take a docstring's literal apart, whatever its quotes; `indent`: of the block it stands in.

    Where one line of the value is not one line of the source (escaped or joined line breaks,
    several literals), the lines are spelled anew, in triple quotes.
    """
    value = _value(source)
    triple = _TRIPLE.fullmatch(source)
    values = value.split("\n")
    if not value.strip():
        prefix, quote = (triple[1], triple[2]) if triple is not None else ("", '"""')
        return Literal(indent, (), prefix, quote)
    if triple is None or not _is_line_by_line(triple, values):
        return _respelled(values, indent)
    sources = triple[3].split("\n")
    margin = _margin(values, indent)
    is_closed_below = len(values) > 1 and not values[-1].strip()
    pairs = list(zip(values, sources, strict=True))
    lines = tuple(
        Line(_dedented(text, margin, is_first=at == 0), spelled)
        for at, (text, spelled) in enumerate(pairs[:-1] if is_closed_below else pairs)
    )
    return Literal(margin, lines, triple[1], triple[2], sources[-1] if is_closed_below else None)


def _respelled(values: Sequence[str], indent: str) -> Literal:
    """A literal that says the same in triple quotes, at the indentation of its block."""
    margin, literal = _margin(values, indent), Literal(indent)
    texts = [_dedented(text, margin, is_first=at == 0) for at, text in enumerate(values)]
    while not texts[-1]:
        texts.pop()
    first = Line(texts[0], literal.encoded(texts[0]))
    return replace(literal, lines=(first, *map(literal.new_line, texts[1:])))


def as_lines(value: str) -> tuple[Line, ...]:
    """The lines of a docstring's value, to be read only."""
    values = value.split("\n")
    margin = _margin(values, "")
    return tuple(
        Line(_dedented(text, margin, is_first=at == 0), text) for at, text in enumerate(values)
    )


def _value(source: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in other people's strings
        value = ast.literal_eval(source)
    return value if isinstance(value, str) else ""


def _is_line_by_line(triple: re.Match[str], values: Sequence[str]) -> bool:
    prefix, quote, inner = triple[1], triple[2], triple[3]
    sources = inner.split("\n")
    if quote in inner or len(sources) != len(values):
        return False
    if "\\" not in inner or "r" in prefix.lower():
        return True
    pairs = zip(sources, values, strict=True)
    return all("\\" not in line or _means(line, quote, value) for line, value in pairs)


def _means(line: str, quote: str, value: str) -> bool:
    try:
        return _value(f"{quote}{line} {quote}") == value + " "
    except (SyntaxError, ValueError):
        return False


def _margin(values: Sequence[str], indent: str) -> str:
    below = [line for line in values[1:] if line.strip()]
    if not below:
        return indent
    first, last = min(below), max(below)  # what these two share, all share
    common = first[: num_common(first, last)]
    return common[: len(common) - len(common.lstrip())]


def _dedented(text: str, margin: str, *, is_first: bool) -> str:
    if is_first:
        return text.lstrip()
    return text.removeprefix(margin) if text.strip() else ""
