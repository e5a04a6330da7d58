"""Imports at the start of an answer → where a Python file has its imports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsp_server.edits import lines_of

if TYPE_CHECKING:
    from lsp_server.syntax.trees import SyntaxTree

_IMPORT = re.compile(r"\s*(import\s+\w[\w., ]*|from\s+[\w.]+\s+import\s+\w[\w., ]*)\s*")
_STATEMENTS = ("import_statement", "import_from_statement", "future_import_statement")


def imports_apart(new: str) -> tuple[list[str], str]:
    """The imports, of one line each, that code begins with, and the rest of it; no imports where
    there is nothing else.
    """
    lines = lines_of(new)
    first = next(
        (at for at, line in enumerate(lines) if line.strip() and not _IMPORT.fullmatch(line)), 0
    )
    imports = [line.strip() for line in lines[:first] if line.strip()]
    return (imports, "".join(lines[first:])) if imports else ([], new)


def place_of_imports(tree: SyntaxTree, before: int) -> int | None:
    """The start of the line after the file's last import that ends before an offset; None if it has
    none there, or more on that line.
    """
    ends = [tree.span(node)[1] for node in tree.root.named_children if node.type in _STATEMENTS]
    end = max((end for end in ends if end <= before), default=None)
    rest = None if end is None else re.compile(r"[ \t]*(#.*)?(\r\n|\n)").match(tree.text, end)
    return rest.end() if rest and rest.end() <= before else None
