"""Whether an edit may be offered at all."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.source_text import LINE_BREAK
from lsp_server.syntax.definitions import Definition, all_definitions
from lsp_server.syntax.trees import SyntaxTree, parse

_IMPORTS = ("import_statement", "import_from_statement")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing is changed: one sentence for the user."""

    reason: str


UNCHANGED = Refused("The model would leave it as it is.")


def refusal(
    language_id: str,
    old: str,
    new: str,
    start: int = 0,
    end: int | None = None,
) -> Refused | None:
    """Why a document's new text must not be offered; None if it may be.

    It is refused if nothing in it is different, if it does not parse where the old text does, or
    parses worse, and if what takes the place of the old text from `start` to `end` repeats a
    definition that stands elsewhere in the document or puts an import into a class.
    """
    if new == old:
        return UNCHANGED
    end = len(old) if end is None else end
    before, after = parse(language_id, old), parse(language_id, new)
    if before is None or after is None:
        return None
    return tree_refusal(language_id, before, after, start, end)


def tree_refusal(
    language_id: str, before: SyntaxTree, after: SyntaxTree, start: int, end: int
) -> Refused | None:
    """`refusal` of a text that is different, for what has been parsed."""
    new = after.text
    reason = _python_error(before, new, start, end) if before.grammar == "python" else ""
    if not reason and after.num_errors > before.num_errors:
        reason = f" as {language_id}"
    if reason:
        return Refused(f"The answer would not parse{reason}.")
    return _misplaced(before, after, (start, end), (start, end + len(new) - len(before.text)))


def _misplaced(
    before: SyntaxTree, after: SyntaxTree, old: tuple[int, int], new: tuple[int, int]
) -> Refused | None:
    """Refuse what parses and stands in the wrong place all the same."""
    repeated = _repeated_definition(before, after, old, new)
    if repeated:
        return Refused(f"The answer repeats {repeated}, which stands elsewhere in the file.")
    imports = sorted(_imports_in_class(after, *new) - _imports_in_class(before, *old))
    if imports:
        line = imports[0]
        return Refused(f"The answer needs `{line}`; put that at the top of the file and ask again.")
    return None


def missing_definition(after: SyntaxTree, start: int, end: int, name: str) -> Refused | None:
    """Refuse a text that does not define `name` between two offsets, as the old one did."""
    if any(found.name == name for found in all_definitions(after, start, end)):
        return None
    return Refused(f"The answer does not define {name} any more.")


def _python_error(before: SyntaxTree, new: str, start: int, end: int) -> str:
    """Python's own word on it, if it takes the old text: on the statements of the file that the
    change lies in, because it stops everything else until it has read all that it is given.
    """
    old = before.text
    start, end = _statements(before, start, end)
    if _syntax_error(old[start:end]):
        return ""
    error = _syntax_error(new[start : end + len(new) - len(old)])
    if not error:
        return ""
    message, line = error
    above = len(LINE_BREAK.findall(old, 0, start))
    return f": {message} (line {above + line})" if line else f": {message}"


def _statements(tree: SyntaxTree, start: int, end: int) -> tuple[int, int]:
    """Whole lines of the file's own statements around what lies between two offsets."""
    text = tree.text
    while start < end and text[end - 1].isspace():
        end -= 1
    node = tree.node_at(start, end)
    while node.parent is not None and node.parent.parent is not None:
        node = node.parent
    first, last = tree.span(node)
    breaks = [match.end() for match in LINE_BREAK.finditer(text, 0, min(first, start))]
    line_end = LINE_BREAK.search(text, max(last, end))
    return (breaks[-1] if breaks else 0), line_end.start() if line_end else len(text)


def _syntax_error(source: str) -> tuple[str, int] | None:
    """What is wrong and in which line, which is 0 where that is not known."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as those about escapes that mean nothing
            ast.parse(source)
    except SyntaxError as error:
        return str(error.msg), error.lineno or 0
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__, 0
    return None


def _imports_in_class(tree: SyntaxTree, start: int, end: int) -> set[str]:
    """Python's imports that stand between two offsets, directly in a class."""
    text = tree.text[start:end]
    start += len(text) - len(text.lstrip())
    block = tree.node_at(start, start + len(text.strip()))
    around = block.parent
    if block.type != "block" or around is None or around.type != "class_definition":
        return set()
    imports = (node for node in block.named_children if node.type in _IMPORTS)
    return {tree.source(node) for node in imports if start <= tree.span(node)[0] < end}


def _repeated_definition(
    before: SyntaxTree, after: SyntaxTree, old: tuple[int, int], new: tuple[int, int]
) -> str:
    """A name that is new between the offsets `new` and was there outside of `old`, in the same
    function or class.
    """
    inside = {name for name, at in _placed_names(before, old) if old[0] <= at < old[1]}
    new_names = {name for name, at in _placed_names(after, new) if new[0] <= at < new[1]}
    elsewhere = before.text[: old[0]] + "\n" + before.text[old[1] :]
    added = {name for name in new_names - inside if name[-1] in elsewhere}
    if not added:  # nearly always; looking at the whole of a large file takes a while
        return ""
    everything = _placed_names(before, (0, len(before.text)))
    outside = {name for name, at in everything if not old[0] <= at < old[1]}
    return next((name[-1] for name in sorted(added & outside)), "")


def _placed_names(tree: SyntaxTree, part: tuple[int, int]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Names of the definitions that reach into a part of the text, with the names of those around
    them, and where they begin.
    """
    around: list[Definition] = []
    for definition in all_definitions(tree, *part):
        while around and around[-1].end <= definition.start:
            around.pop()
        around.append(definition)
        if definition.name:
            yield tuple(outer.name for outer in around), definition.start
