"""Where answers and remarks of the console go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console

from lsp_server.cli.render import printable

_WAITING = "…"
_CLEAR_LINE = "\r\x1b[K"


@dataclass(slots=True)
class Screen:
    """Answers go to `out`, and nothing else does; remarks go to standard error.

    On a terminal, control characters of an answer are made visible: it must not steer the
    terminal. Anywhere else an answer is printed as it came.
    """

    out: TextIO
    on_terminal: bool
    remarks: Console = field(default_factory=lambda: Console(stderr=True))

    def say(self, text: str, style: str = "dim") -> None:
        """A remark."""
        self.out.flush()
        self.remarks.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def problem(self, text: str) -> None:
        """What went wrong and what to do next."""
        self.say(printable(text), style="red")

    def answer(self, *, trim: bool) -> AnswerWriter:
        """Begin an answer. trim: without the blanks that it begins with."""
        return AnswerWriter(self.out, self.on_terminal, trim)


@dataclass(slots=True)
class AnswerWriter:
    """One answer, piece by piece."""

    _out: TextIO
    _on_terminal: bool
    _trim: bool
    _last: str = ""
    _waiting: bool = False

    def wait(self) -> None:
        """Show that something is being done; the first piece takes the sign's place."""
        if self._on_terminal and not self._last and not self._waiting:
            self._waiting = True
            self._write(_WAITING)

    def write(self, text: str) -> None:
        if self._trim and not self._last:
            text = text.lstrip()
        if not text:
            return
        self._stop_waiting()
        self._write(_harmless(text) if self._on_terminal else text)
        self._last = text[-1]

    def end(self) -> None:
        """End the answer's last line; on a terminal a blank one sets it apart."""
        self._stop_waiting()
        if self._last and self._last != "\n":
            self._write("\n")
        if self._last and self._on_terminal:
            self._write("\n")

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._write(_CLEAR_LINE)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _harmless(text: str) -> str:
    """Visible control characters; tabs stay what they are, since code is copied from here."""
    return "\t".join(printable(part) for part in text.split("\t"))
