"""Texts from standard input when nobody types them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from lsp_server.cli.console.modes import END
from lsp_server.cli.errors import usage_error
from lsp_server.cli.target import MAX_BYTES
from lsp_server.source_text import LINE_BREAK

_BYTE_ORDER_MARK = "\ufeff"


def piped_texts(stream: BinaryIO) -> Iterator[str]:
    """The texts that a line `!!` ends, each as soon as it is complete; what is left of the input is
    one, too, unless it is blank. Raises CommandError for what is not text.
    """
    first = True
    while (text := _next_text(stream)) is not None:
        yield text.removeprefix(_BYTE_ORDER_MARK) if first else text
        first = False


def _next_text(stream: BinaryIO) -> str | None:
    """Up to the next `!!` or the end, without the line break before it; None at the end."""
    lines: list[bytes] = []
    num_bytes = 0
    with _ctrl_c_interrupts():
        for line in stream:
            if line.strip() == END.encode():
                return _decoded(b"".join(lines))
            lines.append(line)
            num_bytes += len(line)
            if num_bytes > MAX_BYTES:
                raise usage_error(f"a text is larger than {MAX_BYTES // 1024**2} MiB.")
    rest = b"".join(lines)
    return _decoded(rest) if rest.strip() else None


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise usage_error(
            f"standard input is not UTF-8 text (byte {error.start + 1} of a text cannot be "
            "decoded)."
        ) from None
    return LINE_BREAK.sub("\n", text).removesuffix("\n")


@contextmanager
def _ctrl_c_interrupts() -> Iterator[None]:
    """An event loop's own handler would wait until the reading, which blocks it, comes back."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
