"""`textDocument/codeAction`: what can be done here. No model is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lsp_server.convert import range_from_lsp
from lsp_server.lean_types import types

if TYPE_CHECKING:
    from lsp_server.actions.catalogue import Abilities, Offer
    from lsp_server.actions.order import Order, Problem
    from lsp_server.documents import Document
    from lsp_server.language_server import FimbriaServer

METHOD = types.TEXT_DOCUMENT_CODE_ACTION
APPLY = "fimbria.apply"
"""Our command that carries an action out; its argument is the action's data."""
SHOW = "show"
"""Of an argument of APPLY: the URI of a file to open after its edit, and nothing more to do."""
ASK_INSTRUCTION = "fimbria.askInstruction"
"""The client's command that asks what to do and then runs ours for it. Its argument has `uri`,
`version`, `range`, and `subject` where it is known what that is about.
"""
KINDS = ("quickfix", "refactor.rewrite", "fimbria.explain", "fimbria.tests", "fimbria.answer")


def options() -> types.CodeActionOptions:
    """What is announced. Own actions may have other kinds, which editors ask for all the same."""
    return types.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)


def handle(ls: FimbriaServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    """List actions; their edits are made when one is chosen."""
    document = ls.documents.snapshot(params.text_document.uri)
    if document is None or not (ls.chat.available or ls.runtime.known):
        return []  # nothing can be done, or it is not known yet
    abilities = _abilities(ls)
    listed = _wanted(ls, document, params, abilities)
    if not ls.trees.tree(document)[1]:
        ls.in_background(ls.trees.prepare(document))  # the next list can name what is there
    is_invoked = params.context.trigger_kind is types.CodeActionTriggerKind.Invoked
    if is_invoked and not abilities.chat:
        with_chat = _wanted(ls, document, params, replace(abilities, chat=True))
        if params.context.only and with_chat and not listed:
            ls.warn(ls.chat.why_not)  # this very action was asked for
        elif len(with_chat) > len(listed):
            ls.notify_once(f"A model that chats could do more here. {ls.chat.why_not}")
    return [_action(ls, document, offer, params) for offer in listed]


def _wanted(
    ls: FimbriaServer, document: Document, params: types.CodeActionParams, abilities: Abilities
) -> list[Offer]:
    from lsp_server.actions.catalogue import Place, offers

    start, end = document.offsets_at(*range_from_lsp(params.range), ls.encoding)
    tree, is_known = ls.trees.tree(document)
    place = replace(Place.of(document, start, end, tree), is_unknown=not is_known)
    problems = list(_problems(ls, document, params.context.diagnostics))
    found = offers(place, problems, abilities, ls.settings.actions)
    return [offer for offer in found if _is_wanted(offer, params.context, start < end)]


def _abilities(ls: FimbriaServer) -> Abilities:
    from lsp_server.actions.catalogue import Abilities
    from lsp_server.actions.prose import can_infill

    return Abilities(ls.chat.available, can_infill(ls), _asks_instruction(ls))


def _asks_instruction(ls: FimbriaServer) -> bool:
    """Whether the client has said `experimental: {fimbria: {askInstruction: true}}`."""
    experimental = ls.client_capabilities.experimental
    ours = _member(experimental, "fimbria")
    return _member(ours, "askInstruction") is True


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _problems(
    ls: FimbriaServer, document: Document, diagnostics: Sequence[types.Diagnostic]
) -> Iterator[Problem]:
    from lsp_server.actions.order import Problem

    for diagnostic in diagnostics:
        start, end = document.offsets_at(*range_from_lsp(diagnostic.range), ls.encoding)
        related = tuple(
            f"Line {info.location.range.start.line + 1}: {info.message}"
            for info in diagnostic.related_information or ()
            if info.location.uri == document.uri
        )
        yield Problem(diagnostic.message, start, end, diagnostic.source or "", related)


def _is_wanted(offer: Offer, context: types.CodeActionContext, is_selection: bool) -> bool:
    """Lightbulbs come by themselves: they show what a problem or a selection calls for."""
    if context.only:
        return any(_is_kind(offer.kind, str(kind)) for kind in map(_kind_text, context.only))
    automatic = context.trigger_kind is types.CodeActionTriggerKind.Automatic
    return not automatic or is_selection or offer.order.problem is not None


def _kind_text(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind


def _is_kind(kind: str, wanted: str) -> bool:
    return not wanted or kind == wanted or kind.startswith(f"{wanted}.")


def _action(
    ls: FimbriaServer, document: Document, offer: Offer, params: types.CodeActionParams
) -> types.CodeAction:
    order = offer.order
    action = types.CodeAction(title=order.title, kind=offer.kind)
    if order.problem is not None:
        action.diagnostics = [
            found for found in params.context.diagnostics if found.message == order.problem.message
        ]
    if order.task.value == "edit":
        uri, version = order.uri, order.version
        asked: dict[str, object] = {"uri": uri, "version": version, "range": _plain(params.range)}
        asked |= _subject(ls, document, order)
        action.command = types.Command(order.title, ASK_INSTRUCTION, arguments=[asked])
    elif offer.shows_answer or "edit" not in resolved_properties(ls):
        action.command = types.Command(order.title, APPLY, arguments=[order.to_data()])
    else:
        action.data = order.to_data()
    return action


def _subject(ls: FimbriaServer, document: Document, order: Order) -> dict[str, object]:
    """What an instruction at a place would be for; nothing where that is not known yet."""
    from lsp_server.actions.site import target_of

    tree, is_known = ls.trees.tree(document)
    target = target_of(order, document, tree) if is_known else None
    if target is None:
        return {}
    last = max(target.start, target.end - 1)  # not what is behind the last line break
    lines = [document.text.line_at(target.start), document.text.line_at(last)]
    subject = {"name": target.name, "isWhole": target.is_definition, "lines": lines}
    return {"subject": subject}


def _plain(span: types.Range) -> dict[str, dict[str, int]]:
    return {
        name: {"line": at.line, "character": at.character}
        for name, at in (("start", span.start), ("end", span.end))
    }


def resolved_properties(ls: FimbriaServer) -> list[str]:
    """What of an action the editor takes when it resolves it."""
    document = ls.client_capabilities.text_document
    support = document.code_action if document is not None else None
    resolve = support.resolve_support if support is not None else None
    return [] if resolve is None else list(resolve.properties)
