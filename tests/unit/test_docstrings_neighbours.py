"""What other docstrings of a file say is not said again of something else, and not shown."""

from __future__ import annotations

import asyncio
import textwrap

import pytest

from lsp_server.docstrings.document import document_definition
from lsp_server.docstrings.neighbours import is_taken, said_in
from lsp_server.edits import apply_changes

FILE = textwrap.dedent(
    '''
    """Work with images."""

    class P:
        """An image.

        Returns:
            `tuple[int, int]`: The number of channels.
        """

        def multiply(self, factor: int) -> str:
            """Multiply."""

    def add(a, b):
        return a + b

    def name(x) -> str:
        def inner():
            """Stay inside."""
            return x
        return inner()
    '''
)


def written(text: str, head: str, *prose: str, language: str = "python") -> tuple[str, list[str]]:
    """The text with the definition documented, and all that the model was shown."""
    said, shown = iter(prose), []

    async def write(prefix: str, suffix: str) -> str:
        shown.append(f"{prefix}|{suffix}")
        return next(said, "")

    at = text.index(head)
    changes = asyncio.run(document_definition(text, language, at, style=None, write=write))
    assert isinstance(changes, tuple), changes
    return apply_changes(text, changes), shown


def test_neither_types_nor_lines_come_from_another_docstring() -> None:
    copied = "`tuple[int, int]`: The number of channels."
    result, _ = written(FILE, "def add", "Area.", "The a.", "The b.", copied)
    added = result[result.index("def add") : result.index("def name")]
    assert '    """Add.' in added
    assert "    Returns:\n        The result.\n" in added
    result, _ = written(FILE, "def name", "Multiply.", "The x.", copied)
    assert 'def name(x) -> str:\n    """Name.' in result
    assert "    Returns:\n        str: The result.\n" in result


def test_the_model_sees_no_other_docstring_and_all_of_the_code() -> None:
    _, shown = written(FILE, "def name", "Name it.")
    bare = FILE.replace('"""Work with images."""\n', "").replace('"""Multiply."""', "...")
    start, end = bare.index('        """Stay'), bare.index("        return x")
    bare = bare[:start] + bare[end:]
    start, end = bare.index('    """An image'), bare.index("\n    def multiply")
    bare = bare[:start] + bare[end:]
    before, _, after = shown[0].partition("|")
    assert before + after.lstrip("\n").removeprefix('    """\n') == bare.replace(
        "-> str:\n    def inner", '-> str:\n    """    def inner'
    )


@pytest.mark.parametrize(
    ("prose", "name", "expect"),
    [
        ("The path of the file to read.", "x", True),
        ("the path of the file that is read", "x", False),
        ("The path of a file to read.", "x", True),
        ("The path of the file to read.", "path", False),
        ("Read it.", "write_file", True),
        ("Read it.", "ReadFile", False),
        ("Length of it in bytes.", "x", True),
        ("If the file is not there.", "ValueError", True),
        ("If the file is not there.", "OSError", False),
    ],
)
def test_the_same_may_be_said_of_the_same_name_only(prose: str, name: str, expect: bool) -> None:
    docstring = """Read it.

    Args:
        path (str): The path of the
            file to read. It may be relative.
        size: Length of it in bytes.

    Raises:
        OSError: If the file is not there.
    """
    assert is_taken(prose, name, tuple(said_in(docstring, "read_file"))) == expect


def test_doc_comments_of_other_functions_are_not_copied() -> None:
    text = "/**\n * Multiply two of them.\n * @param x - The first of them all.\n */\n"
    text += "function multiply(x) {}\n\nfunction add(y) {}\n"
    result, _ = written(
        text,
        "function add",
        *["Multiply two of them.", "The first of them all."],
        language="javascript",
    )
    assert "/**\n * Add.\n *\n * @param y - The y.\n */\nfunction add" in result
