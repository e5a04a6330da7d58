"""Answers → the one edit that is offered, or the reason why there is none. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.actions.checks import (
    UNCHANGED,
    Refused,
    missing_definition,
    refusal,
    tree_refusal,
)
from lsp_server.actions.code_answers import (
    Block,
    code_of,
    codes_of,
    in_place,
    without_surroundings,
)
from lsp_server.actions.fitting import fitted
from lsp_server.actions.imports import imports_apart, place_of_imports
from lsp_server.actions.keeping import Part, left_out, lost
from lsp_server.actions.order import Task
from lsp_server.actions.prompting import normalized
from lsp_server.actions.site import Target
from lsp_server.chat.diffs import diff_changes, is_diff
from lsp_server.convert import FileState
from lsp_server.documents import Document
from lsp_server.edits import Change, apply_changes, minimal_changes
from lsp_server.syntax.trees import parse

if TYPE_CHECKING:
    from lsp_server.actions.asking import Answer
    from lsp_server.syntax.trees import SyntaxTree

_UNSEEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u200b\u2060-\u2069\u202a-\u202e\ufeff]")
"""Control characters and those that reorder or hide text (CVE-2021-42574)."""


_NO_CODE = Refused("The model gave no code.")
_OUTSIDE = Refused("The answer would change what is outside of the code that was meant.")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes of a document's current state; they are apart from each other and in order.

    state: whether its version means something, and whether there is such a file yet.
    """

    document: Document
    changes: tuple[Change, ...]
    state: FileState = FileState.OPEN

    @property
    def size(self) -> int:
        """Characters that go or come."""
        return sum(change.end - change.start + len(change.text) for change in self.changes)


def proposed_edit(
    answers: Sequence[Answer], document: Document, target: Target, task: Task = Task.EDIT
) -> Proposal | Refused:
    """The best answer that may be offered in place of the target's lines.

    The likeliest one (by the mean log-probability of its tokens) wins; for a fix, the one that
    changes least. If none may be offered, the likeliest one's reason counts.
    """
    ranked = sorted(answers, key=lambda answer: -answer.mean_logprob)
    tree = parse(document.language_id, str(document.text)) if answers else None
    proposals = [_proposal(answer, document, target, task, tree) for answer in ranked]
    sound = [proposal for proposal in proposals if isinstance(proposal, Proposal)]
    if not sound:
        return next(iter(proposals), Refused("The model gave no answer."))
    return min(sound, key=lambda proposal: proposal.size) if task is Task.FIX else sound[0]


def _proposal(
    answer: Answer, document: Document, target: Target, task: Task, tree: SyntaxTree | None
) -> Proposal | Refused:
    if answer.cut_short:
        return Refused("The answer became too long and was cut off; select less code.")
    old = normalized(document.text.slice(target.start, target.end))
    outcomes: list[Refused] = []
    for block in codes_of(answer.text, old):
        outcome = _outcome(block, document, target, task, tree)
        if isinstance(outcome, Proposal):
            return outcome
        outcomes.append(outcome)
    return outcomes[0] if outcomes else _NO_CODE


def _outcome(
    block: Block, document: Document, target: Target, task: Task, tree: SyntaxTree | None
) -> Proposal | Refused:
    text = str(document.text)
    old = text[target.start : target.end]
    if set(_UNSEEN.findall(block.code)) - set(text):
        return Refused("The answer holds characters that cannot be seen.")
    if is_diff(block.language, block.code):
        new = _patched(block.code, text, target, document.text.main_line_break())
    else:
        new = _placed(block.code, text, target, document, task)
    if isinstance(new, Refused):
        return new
    refused = left_out(new, old) or _with_imports(document, target, task, tree, new)
    is_unparsable = isinstance(refused, Refused) and "would not parse" in refused.reason
    if is_unparsable and not block.is_fenced and not _lines(block.code) & (_lines(old) - {""}):
        return _NO_CODE  # it is prose
    return refused


def _placed(
    code: str,
    text: str,
    target: Target,
    document: Document,
    task: Task,
) -> str | Refused:
    """What code becomes in the place of the target's lines, or of those that it is for."""
    old = text[target.start : target.end]
    around = (normalized(text[: target.start]), normalized(text[target.end :]))
    code = without_surroundings(code, *around, normalized(old))
    if task is Task.FIX and target.is_definition and not _defines(code, target.name):
        code = in_place(code, normalized(old)) or code
    if _begins_outside(code, normalized(old), around[0]):
        return _OUTSIDE
    return fitted(code, old, text, document.text.main_line_break())


def _defines(code: str, name: str) -> bool:
    return bool(name) and re.search(rf"\b{re.escape(name)}\s*[(=:<{{]", code) is not None


def _patched(diff: str, text: str, target: Target, line_break: str) -> str | Refused:
    """The target's lines after a diff, which may quote lines around them."""
    old = text[target.start : target.end]
    changes = diff_changes(diff, old, line_break)
    if not isinstance(changes, Refused):
        return apply_changes(old, changes)
    changes = diff_changes(diff, text, line_break)
    if isinstance(changes, Refused):
        return changes
    smallest = minimal_changes(text, apply_changes(text, changes))
    if any(each.start < target.start or each.end > target.end for each in smallest):
        return _OUTSIDE
    return apply_changes(old, [each.moved(-target.start) for each in smallest])


def _begins_outside(code: str, old: str, before: str) -> bool:
    """Whether an answer begins with a line from further up, so that it stands for more than it
    should. Decorators are alike everywhere.
    """
    first = code.strip().partition("\n")[0].strip()
    if first.startswith("@") or not first.strip("(){}[];,'\" "):
        return False
    return first in _lines(before) and first not in _lines(old)


def _lines(text: str) -> set[str]:
    return {line.strip() for line in text.split("\n")}


def _with_imports(
    document: Document, target: Target, task: Task, tree: SyntaxTree | None, new: str
) -> Proposal | Refused:
    """Imports at the start of a function's new code go where the file has its own."""
    imports, rest = imports_apart(new)
    is_python = tree is not None and tree.grammar == "python" and target.is_definition
    at = place_of_imports(tree, target.start) if tree and is_python and imports else None
    if at is None:
        return _checked(document, target, task, tree, new)
    text = str(document.text)
    known = _lines(normalized(text[:at]))
    line_break = document.text.main_line_break()
    missing = [line for line in imports if line not in known]
    first = next((line for line in missing if line.startswith("from __future__")), "")
    if first:
        return Refused(f"The answer needs `{first}`; put that first in the file and ask again.")
    added = "".join(line + line_break for line in missing)
    shifted = Document.of(
        document.uri, document.language_id, document.version, text[:at] + added + text[at:]
    )
    start, end = target.start + len(added), target.end + len(added)
    moved = Target(start, end, target.name, target.is_definition)
    outcome = _checked(shifted, moved, task, parse(document.language_id, str(shifted.text)), rest)
    above = (Change(at, at, added),) if added else ()
    if outcome is UNCHANGED and above:
        return Proposal(document, above)
    if isinstance(outcome, Refused):
        return outcome
    return Proposal(document, above + tuple(each.moved(-len(added)) for each in outcome.changes))


def _checked(
    document: Document, target: Target, task: Task, tree: SyntaxTree | None, new: str
) -> Proposal | Refused:
    text = str(document.text)
    old = text[target.start : target.end]
    changes = tuple(change.moved(target.start) for change in minimal_changes(old, new))
    if not changes:
        return UNCHANGED
    after = parse(document.language_id, apply_changes(text, changes))
    if tree is None or after is None:
        return Proposal(document, changes)
    start, end = target.start, target.start + len(new)
    refused = tree_refusal(document.language_id, tree, after, start, target.end)
    if refused is None and target.is_definition and target.name:
        refused = missing_definition(after, start, end, target.name)
    if refused is None:
        refused = lost(task, Part(tree, start, target.end), Part(after, start, end))
    return refused or Proposal(document, changes)


def proposed_addition(
    answers: Sequence[Answer], document: Document, state: FileState = FileState.OPEN
) -> Proposal | Refused:
    """The likeliest answer that may be offered as an addition at the end of a document."""
    refused = Refused("The model gave no answer.")
    for answer in sorted(answers, key=lambda answer: -answer.mean_logprob):
        text = str(document.text)
        code = "" if answer.cut_short else code_of(answer.text)
        code = without_surroundings(code, normalized(text), "")
        if not code.strip():
            refused = Refused("The model gave no whole answer with code.")
            continue
        change = Change(len(text), len(text), _added(code, document))
        found = refusal(document.language_id, text, text + change.text, len(text))
        if found is None:
            return Proposal(document, (change,), state)
        refused = found
    return refused


def _added(code: str, document: Document) -> str:
    """Code with two blank lines before it, unless it is the first, in the document's line ends."""
    text = normalized(str(document.text))
    num_breaks = len(text) - len(text.rstrip("\n"))
    gap = "\n" * max(0, 3 - num_breaks) if text.strip() else ""
    return (gap + code.strip("\n") + "\n").replace("\n", document.text.main_line_break())
