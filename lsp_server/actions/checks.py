"""Whether an edit may be offered at all."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.syntax.definitions import Definition, all_definitions
from lsp_server.syntax.trees import SyntaxTree, parse


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing is changed: one sentence for the user."""

    reason: str


def refusal(
    language_id: str, old: str, new: str, start: int = 0, end: int | None = None
) -> Refused | None:
    """Why a document's new text must not be offered; None if it may be.

    It is refused if nothing in it is different, if it does not parse where the old text does, or
    parses worse, and if what takes the place of the old text from `start` to `end` repeats a
    definition that stands elsewhere in the document.
    """
    if new == old:
        return Refused("The model would leave it as it is.")
    reason = _python_error(old, new) if language_id == "python" else ""
    if reason:
        return Refused(f"The answer would not parse: {reason}.")
    before, after = parse(language_id, old), parse(language_id, new)
    if before is None or after is None:
        return None
    if after.num_errors > before.num_errors:
        return Refused(f"The answer would not parse as {language_id}.")
    end = len(old) if end is None else end
    new_end = end + len(new) - len(old)
    repeated = _repeated_definition(before, after, (start, end), (start, new_end))
    if repeated:
        return Refused(f"The answer repeats {repeated}, which stands elsewhere in the file.")
    return None


def missing_definition(language_id: str, code: str, name: str) -> Refused | None:
    """Refuse code that is to take the place of the definition of `name` and does not define it."""
    tree = parse(language_id, code)
    if tree is None or any(found.name == name for found in all_definitions(tree)):
        return None
    return Refused(f"The answer does not define {name} any more.")


def _python_error(old: str, new: str) -> str:
    """Python's own word on it, if it takes the old text."""
    return _syntax_error(new) if not _syntax_error(old) else ""


def _syntax_error(source: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as those about escapes that mean nothing
            ast.parse(source)
    except SyntaxError as error:
        return f"{error.msg} (line {error.lineno})" if error.lineno else str(error.msg)
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return ""


def _repeated_definition(
    before: SyntaxTree, after: SyntaxTree, old: tuple[int, int], new: tuple[int, int]
) -> str:
    """A name that is new between the offsets `new` and was there outside of `old`, in the same
    function or class.
    """
    known = list(_placed_names(before))
    inside = {name for name, at in known if old[0] <= at < old[1]}
    outside = {name for name, at in known if not old[0] <= at < old[1]}
    added = {name for name, at in _placed_names(after) if new[0] <= at < new[1]} - inside
    return next((name[-1] for name in sorted(added & outside)), "")


def _placed_names(tree: SyntaxTree) -> Iterator[tuple[tuple[str, ...], int]]:
    """Names of all definitions with those around them, and where they begin."""
    around: list[Definition] = []
    for definition in all_definitions(tree):
        while around and around[-1].end <= definition.start:
            around.pop()
        around.append(definition)
        if definition.name:
            yield tuple(outer.name for outer in around), definition.start
