"""Which actions are offered at a place: cheap, and without asking a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lsp_server.actions.bodies import is_finished
from lsp_server.actions.order import Order, Problem, Task
from lsp_server.actions.tests_place import can_have_tests
from lsp_server.syntax.definitions import Definition, documented_definition, enclosing_definition
from lsp_server.syntax.languages import grammar_name

if TYPE_CHECKING:
    from lsp_server.actions.own import OwnAction
    from lsp_server.documents import Document
    from lsp_server.syntax.trees import SyntaxTree

KIND_OF_TASK = {
    Task.FIX: "quickfix",
    Task.EXPLAIN: "fimbria.explain",
    Task.DOCUMENT: "refactor.rewrite.docstring",
    Task.TESTS: "fimbria.tests",
    Task.SIMPLIFY: "refactor.rewrite.simplify",
    Task.ANNOTATE: "refactor.rewrite.annotate",
    Task.COMPLETE: "refactor.rewrite.complete",
    Task.EDIT: "refactor.rewrite.instruction",
}
_ANNOTATED = frozenset({"python", "typescript", "tsx", "php", "hack", "gdscript", "luau"})
_DOCUMENTED = frozenset(
    {"python", "javascript", "typescript", "tsx", "java", "c", "cpp", "rust", "go", "cuda", "objc"}
)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What can be done now. chat: a model answers questions. infilling: a model fills in prose.
    asks_instruction: the editor asks the user what to do.
    """

    chat: bool
    infilling: bool
    asks_instruction: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """An action with its kind; `shows_answer`: it changes nothing."""

    order: Order
    kind: str
    shows_answer: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What lies between two offsets of a document.

    definition, function: the innermost ones around it. documented: the one that a docstring
    at its start is for. is_unknown: the document was not parsed, so
    that nobody knows of definitions; what needs one is offered and says later if there is none.
    """

    document: Document
    start: int
    end: int
    definition: Definition | None = None
    function: Definition | None = None
    documented: Definition | None = None
    is_finished: bool = False
    is_unknown: bool = False

    @classmethod
    def of(cls, document: Document, start: int, end: int, tree: SyntaxTree | None) -> Place:
        if tree is None:
            return cls(document, start, end)
        definition = enclosing_definition(tree, start, end)
        function = enclosing_definition(tree, start, end, "function")
        documented = documented_definition(tree, start)
        finished = function is not None and is_finished(tree, function)
        return cls(document, start, end, definition, function, documented, finished)

    def order(self, task: Task, title: str, own: str = "") -> Order:
        document = self.document
        return Order(
            task,
            title,
            document.uri,
            document.version,
            self.start,
            self.end,
            own=own,
            edition=document.edition,
        )

    def this(self, definition: Definition | None) -> str:
        """The name of what is meant."""
        if self.start < self.end or definition is None:
            return "this"
        return definition.name or f"this {definition.kind}"

    @property
    def has_definition(self) -> bool:
        return self.definition is not None or self.is_unknown

    @property
    def has_function(self) -> bool:
        return self.function is not None or self.is_unknown

    @property
    def has_subject(self) -> bool:
        return self.start < self.end or self.has_definition


def offers(
    place: Place,
    problems: Sequence[Problem],
    abilities: Abilities,
    own: Sequence[OwnAction] = (),
) -> list[Offer]:
    """What is offered at a place with these problems, the most wanted first."""
    found: list[Offer] = []
    if abilities.chat:
        found += map(_fix, [place] * len(problems), problems)
        found += _chat_offers(place)
    if (abilities.chat or abilities.infilling) and _is_documentable(place):
        name = place.documented.name if place.documented else ""
        title = f"Write a docstring for {name or 'this'}"
        found.append(_offer(place.order(Task.DOCUMENT, title)))
    if abilities.chat:
        found += _free_offers(place, own, asks_instruction=abilities.asks_instruction)
    return found


def _offer(order: Order, *, shows_answer: bool = False) -> Offer:
    return Offer(order, KIND_OF_TASK[order.task], shows_answer)


def _fix(place: Place, problem: Problem) -> Offer:
    around = replace(place, start=problem.start, end=problem.end)
    return _offer(replace(around.order(Task.FIX, f"Fix: {problem.title}"), problem=problem))


def _chat_offers(place: Place) -> Iterator[Offer]:
    language = _language(place)
    if place.has_subject:
        this = place.this(place.definition)
        yield _offer(place.order(Task.EXPLAIN, f"Explain {this}"), shows_answer=True)
        yield _offer(place.order(Task.SIMPLIFY, f"Simplify {this}"))
        if language in _ANNOTATED:
            yield _offer(place.order(Task.ANNOTATE, f"Add type annotations to {this}"))
    if place.has_function and not place.is_finished:
        name = place.function.name if place.function else ""
        yield _offer(place.order(Task.COMPLETE, f"Complete {name or 'this function'}"))
    if place.has_definition and can_have_tests(language):
        name = place.definition.name if place.definition else ""
        yield _offer(place.order(Task.TESTS, f"Write tests for {name or 'this'}"))


def _free_offers(
    place: Place, own: Sequence[OwnAction], *, asks_instruction: bool
) -> Iterator[Offer]:
    if asks_instruction:
        yield _offer(place.order(Task.EDIT, "Edit with instruction…"))
    for action in own:
        order = place.order(Task.OWN, action.title, own=action.title)
        yield Offer(order, action.kind, shows_answer=action.result == "answer")


def _is_documentable(place: Place) -> bool:
    has_definition = place.documented is not None or place.is_unknown
    return has_definition and _language(place) in _DOCUMENTED


def _language(place: Place) -> str:
    return grammar_name(place.document.language_id, place.document.uri)
