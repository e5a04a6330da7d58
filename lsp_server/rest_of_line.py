"""Brings a text for the cursor into agreement with what its line has behind the cursor, such as the
brackets and quotes that an editor has closed already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Self

CLOSERS = re.compile(r"[)\]}\"'`\s;,:]*")
"""Nothing but marks that close something."""

_TEXT_QUOTES = ('"""', "'''")
_LINE_QUOTES = ('"', "'", "`")
"""A string between these ends with its line. Not so in all languages; then brackets in it count."""
_QUOTES = (*_TEXT_QUOTES, *_LINE_QUOTES)
_CLOSER_OF = {"(": ")", "[": "]", "{": "}"} | {quote: quote for quote in _QUOTES}
_CLOSING = frozenset(_CLOSER_OF.values())
_BRACKETS = ")]}"
_SEPARATORS = ",;"
_MARK = re.compile(r"\\.|\"{3}|'{3}|[^\w\s]")


def only_closes(line_before: str, rest: str) -> bool:
    """Whether what a line has behind the cursor is nothing, or only closes what is open before it:
    a text for the cursor can then be made without it, and fitted to it afterwards.
    """
    rest = rest.strip()
    if not rest:
        return True
    closes = rest[0] in _BRACKETS or bool(_closing_quote(line_before, rest))
    return closes and CLOSERS.fullmatch(rest) is not None


def fit_rest_of_line(text: str, line_before: str, rest: str) -> tuple[str, int]:
    """Return what to insert, and how many characters of `rest` it takes the place of.

    The end of `text` that only repeats `rest` is left out, and closing marks that `text` brings
    along are there once. What `text` opens itself it closes itself.

    rest: what the line has behind the cursor, without white space at its end.
    """
    if not rest:
        return text.rstrip(), 0
    quote = _closing_quote(line_before, rest)
    unclosed = [] if quote else _unclosed(line_before, rest)
    if _repeats(text.rstrip(), rest, quote, unclosed):
        return text.rstrip().removesuffix(rest), 0
    scan = _Scan(quote, unclosed, _closers(rest, quote)).follow(text, rest)
    num_replaced = _num_replaced(scan.left_open, scan.closed)
    if not num_replaced:
        return text, 0
    text, replaced = text.rstrip(), rest[:num_replaced]
    is_same = text.endswith(replaced)
    return (text.removesuffix(replaced), 0) if is_same else (text, num_replaced)


def _closing_quote(line_before: str, rest: str) -> str:
    """The quotes that `rest` begins with, if they end the string that the cursor is in."""
    quote = next((quote for quote in _QUOTES if rest.startswith(quote)), "")
    if quote in _TEXT_QUOTES:
        return quote
    is_odd = _MARK.findall(line_before).count(quote) % 2 == 1  # also within an f-string
    is_open = _Scan().follow(line_before, rest).left_open[-1:] == [quote]
    return quote if is_odd or is_open else ""


def _unclosed(line_before: str, rest: str) -> list[str]:
    """The brackets before the cursor that wait for `text` to close them: the innermost ones, by as
    many as `rest` has too few.
    """
    opened = _Scan().follow(line_before, rest).left_open
    num_closing = _Scan().follow(rest, "").num_closing
    return [] if set(opened) & set(_QUOTES) else opened[num_closing:]


def _closers(rest: str, quote: str) -> str:
    """What a text can close of `rest`; where words follow, a quote may well open something."""
    if rest.startswith(_QUOTES) and not quote:
        return ""
    if CLOSERS.fullmatch(rest):
        return rest
    return quote + "".join(takewhile(_BRACKETS.__contains__, rest[len(quote) :]))


def _repeats(text: str, rest: str, quote: str, unclosed: list[str]) -> bool:
    """Whether `text` ends with `rest`, other than by closing what it finds or makes open."""
    if not text.endswith(rest):
        return False
    opened = _Scan(quote, unclosed).follow(text.removesuffix(rest), rest).left_open
    return _Scan(quote, unclosed).follow(text, "").left_open[: len(opened)] == opened


def _num_replaced(left_open: list[str], closed: list[tuple[str, int]]) -> int:
    """How much of what follows the cursor the text makes superfluous: all that it closes, but for
    what closes the marks that it leaves open.
    """
    needed = [_CLOSER_OF[mark] for mark in reversed(left_open)]
    for num_kept in range(len(closed), -1, -1):
        given_back = [mark for mark, _ in closed[num_kept:] if mark not in _SEPARATORS]
        is_all = num_kept == 0 and given_back == needed[: len(given_back)]
        if given_back == needed or is_all:
            return closed[num_kept - 1][1] if num_kept else 0
    return closed[-1][1]


class _Scan:
    """Follows the brackets and quotes of a text.

    quote: of the string that the text begins in, if any.
    left_open: the marks that are open and that the text can close, innermost last; at the end,
    those that it leaves open.
    closers: what the text can close of what follows it.
    closed: the marks of `closers` that it brings along itself, each with where it ends there.
    num_closing: how many marks it closes that it has not opened.
    """

    def __init__(self, quote: str = "", left_open: Iterable[str] = (), closers: str = "") -> None:
        self._quote = quote
        self._closers = closers
        self.left_open = list(left_open)
        self.closed: list[tuple[str, int]] = []
        self.num_closing = 0

    def follow(self, text: str, rest: str) -> Self:
        """Read `text`, whose last line goes on with `rest`."""
        *lines, last = text.split("\n")
        for line in lines:
            self._follow_line(line, "")
            self._end_line()
        self._follow_line(last, rest)
        return self

    def _follow_line(self, line: str, rest: str) -> None:
        for match in _MARK.finditer(line):
            # What no other quote follows begins no string: an apostrophe, a lifetime.
            opens = match[0] not in _LINE_QUOTES or match[0] in line[match.end() :] + rest
            self._follow_mark(match[0], opens=opens)

    def _end_line(self) -> None:
        if self._quote in _LINE_QUOTES:
            self._quote = ""
        if self.left_open and self.left_open[-1] in _LINE_QUOTES:
            self.left_open.pop()

    def _follow_mark(self, mark: str, *, opens: bool) -> None:
        inner = self.left_open[-1] if self.left_open else self._quote
        if inner in _QUOTES and not mark.startswith(inner):
            return
        if self.left_open and mark.startswith(_CLOSER_OF[inner]):
            self.left_open.pop()
        elif not self.left_open and (self._closes(mark) or inner in _QUOTES or mark in _BRACKETS):
            self._quote = ""
            self.num_closing += 1
        elif opens and mark in _CLOSER_OF:
            self.left_open.append(mark)

    def _closes(self, mark: str) -> bool:
        """Note that `mark` comes next in the closers, if so."""
        start = self.closed[-1][1] if self.closed else 0
        start += len(self._closers[start:]) - len(self._closers[start:].lstrip())
        is_next = self._closers.startswith(mark, start) and (self.closed or mark in _CLOSING)
        if is_next:
            self.closed.append((mark, start + len(mark)))
        return bool(is_next)
