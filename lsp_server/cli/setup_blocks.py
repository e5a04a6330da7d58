"""A block of lines between two marks, at the end of a file that the user has, or may have: put in,
brought up to date and taken out again without touching anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lsp_server.cli.errors import CommandError
from lsp_server.cli.setup_files import FileChange, read

_NAME = "Fimbria: written by `fimbria setup`, whose --undo removes"


@dataclass(frozen=True, slots=True)
class BlockFile:
    """A file as it is, and what of it is the user's own.

    comment: what begins a comment in it. others: its text without our block. is_ours: the file was
    not there before our block was.
    """

    file: Path
    comment: str
    before: str | None
    others: str
    is_ours: bool

    def with_block(self, block: str) -> FileChange:
        """The file with these lines as its block, in place of what the block was."""
        line_break = "\r\n" if "\r\n" in self.others else "\n"
        begin = _begin(self.comment, "this file" if self.is_ours else "it")
        lines = [begin, *block.splitlines(), _end(self.comment)]
        text = line_break.join(lines)
        if not self.others or self.others.endswith("\n"):
            # An empty line before it and a line break behind, or, where the file ends without a
            # line break, neither: either way one line break goes with the block.
            gap = line_break if self.others else ""
            text = f"{gap}{text}{line_break}"
        else:
            text = f"{line_break}{text}"
        return FileChange(self.file, self.before, self.others + text)

    def without_block(self) -> FileChange:
        """The file as it was before there was a block."""
        after = None if self.is_ours and not self.others else self.others
        return FileChange(self.file, self.before, after)


def read_block_file(file: Path, comment: str) -> BlockFile:
    """Raises OSError, UnicodeDecodeError, and CommandError where one of the marks is missing."""
    before = read(file)
    text = before or ""
    begin = rf"^{re.escape(comment)} {re.escape(_NAME)} (?:it|this file)\r?$"
    end = rf"^{re.escape(_end(comment))}\r?$"
    others, num_blocks = re.subn(
        rf"(?:\r?\n)?{begin}(?:(?!{begin}).)*?{end}\n?", "", text, flags=re.MULTILINE | re.DOTALL
    )
    if re.search(f"{begin}|{end}", others, re.MULTILINE) or num_blocks > 1:
        raise CommandError(
            f"{file} has lines of an earlier `fimbria setup` that were changed since; take out "
            f"what stands between the lines that begin with {comment} Fimbria, and these."
        )
    is_ours = before is None or _begin(comment, "this file") in text
    return BlockFile(file, comment, before, others, is_ours)


def _begin(comment: str, what: str) -> str:
    return f"{comment} {_NAME} {what}"


def _end(comment: str) -> str:
    return f"{comment} Fimbria: end"
