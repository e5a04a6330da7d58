"""Python's syntax tree → what a docstring has to mention."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lsp_server.docstrings.facts import Outcome, Parameter, Signature
from lsp_server.docstrings.python_flow import (
    Function,
    dotted,
    is_generator,
    raised,
    returns_value,
    yields_value,
)
from lsp_server.docstrings.python_source import Found, PythonSource

_NOTHING = frozenset({"None", "NoReturn", "Never"})
_ITERATORS = frozenset(
    ["Iterator", "Iterable", "Generator", "AsyncIterator", "AsyncIterable", "AsyncGenerator"]
)
_PROPERTIES = frozenset({"property", "cached_property", "abstractproperty", "getter"})
_DATACLASS_MAKERS = frozenset({"dataclass", "define", "frozen", "mutable", "attrs"})
_DATACLASS_BASES = frozenset({"NamedTuple", "TypedDict"})
_BASES_WITHOUT_FIELDS = frozenset({"object", "Generic", "Protocol", "ABC", *_DATACLASS_BASES})
_MAX_DEFAULT_LEN = 40


def signature_of(source: PythonSource, found: Found) -> Signature:
    """Read a definition."""
    node = found.node
    if isinstance(node, ast.ClassDef):
        return _of_class(source, node)
    return _of_function(source, node, is_method=found.is_method)


def is_overload(node: ast.AST) -> bool:
    """Whether a function only declares one of several signatures."""
    return "overload" in _decorators(node)


def _of_function(source: PythonSource, node: Function, *, is_method: bool) -> Signature:
    is_value = bool(_decorators(node) & _PROPERTIES)
    annotation = _annotation(source, node.returns)
    yields = returns = None
    if is_generator(node):
        element = _element(source, node.returns)
        yields = Outcome(element) if element or yields_value(node) else None
    elif not is_value and _hands_back(node, annotation):
        returns = Outcome(annotation)
    return Signature(
        name=node.name,
        parameters=tuple(_parameters(source, node, is_method=is_method)),
        returns=returns,
        yields=yields,
        raises=raised(node),
        is_value=is_value,
    )


def _hands_back(node: Function, annotation: str) -> bool:
    if annotation:
        return annotation.rpartition(".")[2] not in _NOTHING
    return returns_value(node)


def _of_class(source: PythonSource, node: ast.ClassDef) -> Signature:
    init = next((each for each in node.body if _is_function(each, "__init__")), None)
    bases = {dotted(_subscripted(base)).rpartition(".")[2] for base in node.bases}
    has_fields = bool(_decorators(node) & _DATACLASS_MAKERS or bases & _DATACLASS_BASES)
    parameters = None
    if isinstance(init, Function) and not has_fields:
        parameters = tuple(_parameters(source, init, is_method=True))
    return Signature(
        name=node.name,
        parameters=parameters,
        attributes=tuple(_fields(source, node)) if has_fields else None,
        bound=frozenset(_bound(node)) | ({""} if bases - _BASES_WITHOUT_FIELDS else set()),
        is_class=True,
    )


def _parameters(source: PythonSource, node: Function, *, is_method: bool) -> Iterator[Parameter]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*defaults, *arguments.defaults], strict=True))
    is_bound = is_method and "staticmethod" not in _decorators(node)
    for argument, default in pairs[1:] if is_bound else pairs:
        yield _parameter(source, argument, default)
    if arguments.vararg is not None:
        yield _parameter(source, arguments.vararg, None, "*")
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(source, argument, default)
    if arguments.kwarg is not None:
        yield _parameter(source, arguments.kwarg, None, "**")


def _parameter(
    source: PythonSource, argument: ast.arg, default: ast.expr | None, stars: str = ""
) -> Parameter:
    value = source.segment(default) if default is not None else ""
    value = value if len(value) <= _MAX_DEFAULT_LEN else "..."
    return Parameter(argument.arg, _annotation(source, argument.annotation), value, stars)


def _fields(source: PythonSource, node: ast.ClassDef) -> Iterator[Parameter]:
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        kind = dotted(_subscripted(statement.annotation)).rpartition(".")[2]
        if kind in ("ClassVar", "InitVar", "KW_ONLY") or (kind == "Final" and statement.value):
            continue
        has_plain_value = statement.value is not None and not isinstance(statement.value, ast.Call)
        value = source.segment(statement.value) if statement.value and has_plain_value else ""
        value = value if len(value) <= _MAX_DEFAULT_LEN else "..."
        yield Parameter(statement.target.id, _annotation(source, statement.annotation), value)


def _bound(node: ast.ClassDef) -> Iterator[str]:
    """The names that a class gives itself or its instances."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store):
            yield each.attr
        elif isinstance(each, Function):
            yield each.name


def _annotation(source: PythonSource, node: ast.expr | None) -> str:
    """An annotation as it is written, without the quotes of one that is a string."""
    if node is None:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    return source.segment(node)


def _element(source: PythonSource, node: ast.expr | None) -> str:
    """What a generator yields, by its annotation; empty where that does not tell."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            node = ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError):
            return ""
        source = PythonSource.of(ast.unparse(node))
        node = ast.parse(source.text, mode="eval").body
    if not isinstance(node, ast.Subscript):
        return ""
    if dotted(node.value).rpartition(".")[2] not in _ITERATORS:
        return ""
    inner = node.slice
    element = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
    text = _annotation(source, element)
    return "" if text in _NOTHING else text


def _subscripted(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Subscript) else node


def _is_function(node: ast.stmt, name: str) -> bool:
    return isinstance(node, Function) and node.name == name


def _decorators(node: ast.AST) -> frozenset[str]:
    """The last names of a definition's decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    called = (each.func if isinstance(each, ast.Call) else each for each in decorators)
    return frozenset(dotted(each).rpartition(".")[2] for each in called)
