"""The terminal between two prompts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


def is_terminal() -> bool:
    """Whether somebody types and reads here."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty())


@contextmanager
def keys_kept() -> Iterator[None]:
    """What is typed while a model loads or answers does not appear in between; the next prompt gets
    it. Ctrl-C is a signal all the time.
    """
    import termios

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    quiet = termios.tcgetattr(descriptor)
    # Line by line, the terminal would keep no more than 4096 characters of a long line, and an end
    # of input in place of Ctrl-D.
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
