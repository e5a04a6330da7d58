"""What a function's own body returns, yields and raises; functions in it speak for themselves."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CATCH_ALL = frozenset({"Exception", "BaseException"})


def returns_value(function: Function) -> bool:
    """Whether a `return` of the body hands something back that is not simply None."""
    found = (node for node in _own_nodes(function.body) if isinstance(node, ast.Return))
    return any(node.value is not None and not _is_none(node.value) for node in found)


def is_generator(function: Function) -> bool:
    """Whether the body yields."""
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own_nodes(function.body))


def yields_value(function: Function) -> bool:
    """Whether something other than None is yielded."""
    for node in _own_nodes(function.body):
        if isinstance(node, ast.YieldFrom):
            return True
        if isinstance(node, ast.Yield) and node.value is not None and not _is_none(node.value):
            return True
    return False


def raised(function: Function) -> tuple[str, ...]:
    """The names of the exceptions that the body raises itself, in order, each once.

    What is raised again, what the body catches itself, and what only running it can tell are left
    out.
    """
    return tuple(dict.fromkeys(_raised(function.body, frozenset(), frozenset())))


def dotted(node: ast.expr) -> str:
    """`a.b.c` of such an expression; empty for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def _own_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*_SCOPES, *_COMPREHENSIONS)):
            waiting += reversed(list(ast.iter_child_nodes(node)))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _raised(body: list[ast.stmt], caught: frozenset[str], held: frozenset[str]) -> Iterator[str]:
    """caught: what handlers around take; held: the names that hold what was caught."""
    for statement in body:
        if isinstance(statement, ast.Raise) and statement.exc is not None:
            name = _exception(statement.exc)
            taken = name in caught or "" in caught
            if name and name not in held and not taken:
                yield name
        elif isinstance(statement, ast.Try | ast.TryStar):
            yield from _raised_in_try(statement, caught, held)
        elif not isinstance(statement, _SCOPES):
            for inner in _inner_bodies(statement):
                yield from _raised(inner, caught, held)


def _raised_in_try(
    statement: ast.Try | ast.TryStar, caught: frozenset[str], held: frozenset[str]
) -> Iterator[str]:
    taken = frozenset().union(*(_caught(handler) for handler in statement.handlers))
    yield from _raised(statement.body, caught | taken, held)
    for handler in statement.handlers:
        yield from _raised(handler.body, caught, held | {handler.name or ""})
    yield from _raised(statement.orelse, caught, held)
    yield from _raised(statement.finalbody, caught, held)


def _caught(handler: ast.ExceptHandler) -> frozenset[str]:
    """The names that a handler takes; an empty one stands for all."""
    if handler.type is None:
        return frozenset({""})
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = frozenset(dotted(each) for each in types) - {""}
    return names | {""} if names & _CATCH_ALL else names


def _inner_bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        yield getattr(statement, field, [])
    if isinstance(statement, ast.Match):
        for case in statement.cases:
            yield case.body


def _exception(node: ast.expr) -> str:
    """The name of an exception's class, where an expression shows that it is one."""
    name = dotted(node.func if isinstance(node, ast.Call) else node)
    last = name.rpartition(".")[2]
    known = getattr(builtins, last, None)
    if isinstance(known, type) and issubclass(known, BaseException):
        return name
    return name if last.lstrip("_")[:1].isupper() and not last.isupper() else ""
