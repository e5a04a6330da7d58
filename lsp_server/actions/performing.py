"""Carries an action out: what the model is asked, and what its answer becomes while the user may go
on typing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pygls.uris import from_fs_path, to_fs_path

from lsp_server.actions.asking import Report, ask, pieces, with_progress
from lsp_server.actions.checks import Refused, refusal
from lsp_server.actions.order import Order, Task
from lsp_server.actions.own import OwnAction
from lsp_server.actions.privacy import kept_here
from lsp_server.actions.prompting import Prompt, normalized, prompt_for
from lsp_server.actions.proposing import Proposal, proposed_addition, proposed_edit
from lsp_server.actions.prose import writer
from lsp_server.actions.site import Target, documented_target, target_of
from lsp_server.actions.templates import PLACEHOLDERS, Template, load_template, read_template
from lsp_server.actions.tests_place import can_have_tests, tests_file
from lsp_server.answer_document import show_streamed_answer
from lsp_server.convert import FileState
from lsp_server.documents import Document
from lsp_server.edits import apply_changes
from lsp_server.private_files import may_be_read
from lsp_server.syntax.languages import grammar_name
from lsp_server.syntax.trees import parse
from lsp_server.user_config import config_file
from lsp_server.workspace_folders import root_of

if TYPE_CHECKING:
    from lsp_server.docstrings.answers import Refusal
    from lsp_server.edits import Change, WatchedSpan
    from lsp_server.language_server import FimbriaServer
    from lsp_server.syntax.trees import SyntaxTree

_NUM_FIXES = 3
_MOST_OF_TESTS = 4000
_COMMENT_STARTS = ("//", "/*", "*", "#", "--", "@")
_MOVED_ON = Refused("The code was changed while the answer was made; ask again.")


async def perform(ls: FimbriaServer, order: Order) -> Proposal | Refused | None:
    """Do what was ordered; None where the answer has been shown instead of an edit. The caller
    applies a proposal before it awaits anything, because it fits the document as it is now.

    Raises RuntimeFailure, and asking.Stopped when the user has stopped it.
    """
    document = ls.documents.snapshot(order.uri)
    if document is None:
        return Refused("The file is not open any more.")
    if not order.is_for(document):
        return Refused("The file has changed since the action was offered; ask again.")
    refused = await kept_here(ls, document, order.task)
    if refused is not None:
        return refused
    if order.task is Task.DOCUMENT:
        return await _documented(ls, order, document)
    return await _asked(ls, order, document)


async def _asked(ls: FimbriaServer, order: Order, document: Document) -> Proposal | Refused | None:
    await ls.chat.ready()
    own = next((action for action in ls.settings.actions if action.title == order.own), None)
    if order.task is Task.OWN and own is None:
        return Refused(f'There is no action "{order.own}" in the settings any more.')
    tree = await _tree(document)
    target = target_of(order, document, tree)
    if target is None:
        return Refused("There is no function or class at the cursor; select some code.")
    template = _template(ls, order, own)
    if order.task is Task.TESTS:
        return await _tested(ls, order, document, target, template)
    prompt = prompt_for(order, document, target, template, ls.chat.context_length)
    if isinstance(prompt, Refused):
        return prompt
    if order.task is Task.EXPLAIN or (own is not None and own.result == "answer"):
        await show_streamed_answer(ls, order.title, pieces(ls, prompt))
        return None
    return await _edited(ls, order, document, target, prompt)


async def _tree(document: Document) -> SyntaxTree | None:
    """Parse on another thread: a large file takes a while."""
    return await asyncio.to_thread(parse, document.language_id, str(document.text), document.uri)


async def _edited(
    ls: FimbriaServer, order: Order, document: Document, target: Target, prompt: Prompt
) -> Proposal | Refused:
    is_fix = order.task is Task.FIX
    num_candidates = _NUM_FIXES if is_fix and not ls.settings.chat_endpoint else 1
    with ls.documents.watching(document, target.start, target.end) as span:
        if not span.is_intact:
            return _MOVED_ON
        answers = await with_progress(
            ls, order.title, lambda report: ask(ls, prompt, report, num_candidates)
        )

        def propose(now: Document, start: int, end: int) -> Proposal | Refused:
            moved = Target(start, end, target.name, target.is_definition)
            return proposed_edit(answers, now, moved, order.task)

        return await _for_now(ls, document, span, propose)


async def _for_now(
    ls: FimbriaServer,
    before: Document,
    span: WatchedSpan,
    propose: Callable[[Document, int, int], Proposal | Refused],
) -> Proposal | Refused:
    """Propose for the document as it is when that is done. On another thread, because parsing a
    large file several times takes a while; anew where the user has typed meanwhile.
    """
    while span.is_intact and (now := ls.documents.snapshot(before.uri)) is not None:
        proposal = await asyncio.to_thread(propose, now, span.start, span.end)
        if ls.documents.is_current(now):
            return proposal
    return _MOVED_ON


async def _documented(ls: FimbriaServer, order: Order, document: Document) -> Proposal | Refused:
    from lsp_server.docstrings.answers import Refusal
    from lsp_server.docstrings.document import document_definition
    from lsp_server.docstrings.styles import chosen_style

    tree = await _tree(document)
    target = documented_target(order, document, tree)
    if target is None:
        return Refused("There is no function or class at the cursor.")
    start = _with_comments_above(document, target.start)

    async def work(report: Report) -> tuple[Change, ...] | Refusal:
        write = writer(ls, document.language_id, report)
        text = str(document.text)
        style = chosen_style(ls.settings.docstring_style)
        offset = max(order.start, target.start)  # from a comment above, to the definition
        return await document_definition(
            text, document.language_id, offset, style=style, write=write
        )

    with ls.documents.watching(document, start, target.end) as span:
        if not span.is_intact:
            return _MOVED_ON
        outcome = await with_progress(ls, order.title, work)
        if isinstance(outcome, Refusal):
            return Refused(outcome.reason)
        if any(change.start < start or change.end > target.end for change in outcome):
            return Refused("The docstring would change what is outside of the definition.")

        def propose(now: Document, first: int, last: int) -> Proposal | Refused:
            changes = tuple(change.moved(first - start) for change in outcome)
            text = str(now.text)
            changed = apply_changes(text, changes)
            return refusal(now.language_id, text, changed, first, last) or Proposal(now, changes)

        return await _for_now(ls, document, span, propose)


def _with_comments_above(document: Document, start: int) -> int:
    """The start of the comment (or the attributes) that stands directly above some lines."""
    text = document.text
    line = text.line_at(start)
    while line > 0:
        above = text.slice(text.line_start(line - 1), text.line_start(line)).strip()
        if not above.startswith(_COMMENT_STARTS) and not above.endswith("*/"):
            break
        line -= 1
    return text.line_start(line)


async def _tested(
    ls: FimbriaServer, order: Order, document: Document, target: Target, template: Template
) -> Proposal | Refused:
    file = await asyncio.to_thread(_tests_path, ls, document)
    if isinstance(file, Refused):
        return file
    tests, _ = await _tests_document(ls, document, file)
    if tests is None:
        return Refused(f"{file.name} cannot be read.")
    more = {"tests": normalized(str(tests.text))[-_MOST_OF_TESTS:], "tests_path": file.name}
    prompt = prompt_for(order, document, target, template, ls.chat.context_length, more)
    if isinstance(prompt, Refused):
        return prompt
    answers = await with_progress(ls, order.title, lambda report: ask(ls, prompt, report))
    while True:  # somebody may have written to it meanwhile, or does now
        now, state = await _tests_document(ls, document, file)
        if now is None:
            return Refused(f"{file.name} cannot be read.")
        proposal = await asyncio.to_thread(proposed_addition, answers, now, state)
        if ls.documents.opened(file) is (now if state is FileState.OPEN else None):
            return proposal


def _tests_path(ls: FimbriaServer, document: Document) -> Path | Refused:
    """The file that tests are added to. Looks at the disk: not for the event loop."""
    grammar, fs_path = grammar_name(document.language_id, document.uri), to_fs_path(document.uri)
    if not document.uri.startswith("file:") or not fs_path or not can_have_tests(grammar):
        return Refused("It is not known where tests of this file belong.")
    root = root_of(ls, Path(fs_path))
    file = tests_file(grammar, Path(fs_path), root)
    if not may_be_read(file, root, ls.settings.exclude):
        return Refused(f"{file.name} is left out by the settings or .gitignore.")
    return file


async def _tests_document(
    ls: FimbriaServer, document: Document, file: Path
) -> tuple[Document | None, FileState]:
    """The file that tests are added to: as the editor has it, or else the disk; None if it cannot
    be read.
    """
    opened = ls.documents.opened(file)
    if opened is not None:
        return opened, FileState.OPEN
    uri = from_fs_path(str(file)) or ""
    try:
        text = (await asyncio.to_thread(file.read_bytes)).decode("utf-8")
    except FileNotFoundError:
        return Document.of(uri, document.language_id, 0, ""), FileState.MISSING
    except (OSError, UnicodeDecodeError):
        return None, FileState.CLOSED
    return Document.of(uri, document.language_id, 0, text), FileState.CLOSED


def _template(ls: FimbriaServer, order: Order, own: OwnAction | None) -> Template:
    if own is not None:
        return read_template(own.prompt, PLACEHOLDERS)
    template, problem = load_template(order.task.value, config_file().parent / "prompts")
    if problem:
        ls.notify_once(problem)
    return template
