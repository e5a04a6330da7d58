"""tree-sitter's nodes → what a doc comment has to mention, in the languages that have such."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lsp_server.docstrings.facts import TEMPLATE, UNNAMED, Outcome, Parameter, Signature

if TYPE_CHECKING:
    from tree_sitter import Node

    from lsp_server.syntax.definitions import Definition
    from lsp_server.syntax.trees import SyntaxTree

_MAX_DEFAULT_LEN = 40
_MADE_UP = {"object_pattern": "options", "array_pattern": "items"}
_NOTHING = frozenset({"void", "never", "undefined", "Promise<void>", "()", "!"})
_INNER = frozenset(
    [
        *["function_declaration", "function_expression", "arrow_function", "method_definition"],
        *["generator_function_declaration", "generator_function", "class_declaration", "class"],
        *["lambda_expression", "function_definition", "class_body", "closure_expression"],
        *["function_item", "func_literal"],
    ]
)


def signature_of_script(tree: SyntaxTree, definition: Definition) -> Signature:
    """A function or class of JavaScript or TypeScript."""
    if definition.kind == "class":
        return Signature(name=definition.name, parameters=None, is_class=True)
    node = definition.node.child_by_field_name("value") or definition.node
    listed = node.child_by_field_name("parameters")
    single = node.child_by_field_name("parameter")
    nodes = listed.named_children if listed is not None else [single] if single else []
    body = node.child_by_field_name("body")
    annotation = _text(tree, node.child_by_field_name("return_type")).lstrip(": ")
    is_expression = body is not None and body.type != "statement_block"
    yields = _has(body, "yield_expression")
    hands_back = annotation not in _NOTHING if annotation else _returns(body) or is_expression
    is_constructor = definition.name == "constructor"
    return Signature(
        name=definition.name,
        parameters=_unique(each for node in nodes for each in _script_parameter(tree, node)),
        returns=Outcome() if hands_back and not yields and not is_constructor else None,
        yields=Outcome() if yields else None,
        raises=_thrown(tree, body, "new_expression", "constructor"),
    )


def _script_parameter(tree: SyntaxTree, node: Node) -> Iterator[Parameter]:
    default = ""
    if node.type in ("required_parameter", "optional_parameter"):
        default = _default(tree, node.child_by_field_name("value"))
        node = node.child_by_field_name("pattern") or node
    if node.type == "assignment_pattern":
        default = _default(tree, node.child_by_field_name("right"))
        node = node.child_by_field_name("left") or node
    if node.type == "rest_pattern" and node.named_children:
        node = node.named_children[0]
    if node.type in _MADE_UP:
        yield Parameter(_MADE_UP[node.type], "", default, UNNAMED)
    elif node.type == "identifier":
        yield Parameter(tree.source(node), "", default)


def signature_of_java(tree: SyntaxTree, definition: Definition) -> Signature:
    """A method, constructor, record or other type of Java."""
    node = definition.node
    types = _named_below(tree, node.child_by_field_name("type_parameters"), "type_parameter")
    parameters = [Parameter(f"<{name}>") for name in types]
    listed = node.child_by_field_name("parameters")
    for each in listed.named_children if listed is not None else []:
        name = each.child_by_field_name("name")
        declarator = next((c for c in each.named_children if c.type == "variable_declarator"), None)
        name = name or (declarator.child_by_field_name("name") if declarator else None)
        if each.type in ("formal_parameter", "spread_parameter") and name is not None:
            parameters.append(Parameter(tree.source(name)))
    returned = _text(tree, node.child_by_field_name("type"))
    declared = next((each for each in node.named_children if each.type == "throws"), None)
    checked = [tree.source(each) for each in declared.named_children] if declared else []
    body = node.child_by_field_name("body") if definition.kind == "function" else None
    thrown = _thrown(tree, body, "object_creation_expression", "type")
    return Signature(
        name=definition.name,
        parameters=_unique(parameters),
        returns=Outcome() if returned and returned != "void" else None,
        raises=tuple(dict.fromkeys([*checked, *thrown])),
        is_class=definition.kind == "class",
    )


def signature_of_c(tree: SyntaxTree, definition: Definition) -> Signature:
    """A function, class or template of C or C++."""
    node = definition.node
    parameters = []
    above = node.parent
    if above is not None and above.type == "template_declaration":
        listed = above.child_by_field_name("parameters")
        names = [_c_name(tree, each) for each in listed.named_children] if listed else []
        parameters = [Parameter(name, stars=TEMPLATE) for name in names if name]
    bare_name = definition.name.rpartition("::")[2]
    if definition.kind == "class":
        return Signature(name=bare_name, parameters=tuple(parameters), is_class=True)
    function, is_indirect = _function_declarator(node)
    listed = function.child_by_field_name("parameters") if function is not None else None
    for each in listed.named_children if listed is not None else []:
        default = _default(tree, each.child_by_field_name("default_value"))
        if name := _c_name(tree, each):
            parameters.append(Parameter(name, "", default))
    returned = _text(tree, node.child_by_field_name("type"))
    body = node.child_by_field_name("body")
    hands_back = bool(returned) and (returned != "void" or is_indirect)
    if returned == "auto":
        hands_back = _returns(body)
    return Signature(
        name=bare_name,
        parameters=_unique(parameters),
        returns=Outcome() if hands_back else None,
        raises=_thrown(tree, body, "call_expression", "function"),
    )


def _function_declarator(node: Node) -> tuple[Node | None, bool]:
    """The declarator that holds the parameters, and whether pointers are around it."""
    found = node.child_by_field_name("declarator")
    is_indirect = False
    while found is not None and found.type != "function_declarator":
        is_indirect = True
        inner = found.child_by_field_name("declarator")
        found = inner or next((c for c in found.named_children if "declarator" in c.type), None)
    return found, is_indirect


def _c_name(tree: SyntaxTree, node: Node) -> str:
    """The name that a declaration gives, below pointers, references, arrays and parentheses."""
    if node.type == "type_parameter_declaration":
        return _text(tree, next(iter(node.named_children), None))
    found = node.child_by_field_name("declarator")
    while found is not None and found.type != "identifier":
        inner = found.child_by_field_name("declarator")
        kinds = ("identifier", "declarator")
        found = inner or next((c for c in found.named_children if c.type.endswith(kinds)), None)
    return _text(tree, found)


def signature_of_rust(tree: SyntaxTree, definition: Definition) -> Signature:
    """A function or type of Rust."""
    node = definition.node
    if definition.kind == "class":
        return Signature(name=definition.name, parameters=None, is_class=True)
    listed = node.child_by_field_name("parameters")
    parameters = []
    for each in listed.named_children if listed is not None else []:
        pattern = each.child_by_field_name("pattern")
        if each.type != "parameter" or pattern is None:
            continue
        if pattern.type == "identifier":
            parameters.append(Parameter(tree.source(pattern)))
        elif pattern.type.endswith("_pattern"):
            parameters.append(Parameter("parts", stars=UNNAMED))
    returned = _text(tree, node.child_by_field_name("return_type"))
    fails = returned.partition("<")[0].rpartition("::")[2] == "Result"
    return Signature(
        name=definition.name,
        parameters=_unique(parameters),
        returns=Outcome() if returned and returned not in _NOTHING else None,
        raises=("error",) if fails else (),
    )


def signature_of_go(_: SyntaxTree, definition: Definition) -> Signature:
    """Go's comments are prose: only the name counts."""
    is_class = definition.kind == "class"
    return Signature(name=definition.name, parameters=None, is_class=is_class)


Reader = Callable[["SyntaxTree", "Definition"], Signature]


def _unique(parameters: Iterator[Parameter] | list[Parameter]) -> tuple[Parameter, ...]:
    """Number made-up names that are taken."""
    from dataclasses import replace

    given = list(parameters)
    taken = {each.name for each in given if each.stars != UNNAMED}
    unique = []
    for each in given:
        name, number = each.name, 1
        while each.stars == UNNAMED and name in taken:
            number += 1
            name = f"{each.name}{number}"
        taken.add(name)
        unique.append(replace(each, name=name))
    return tuple(unique)


def _own_nodes(body: Node | None) -> Iterator[Node]:
    waiting = list(body.children) if body is not None else []
    while waiting:
        node = waiting.pop(0)
        yield node
        if node.type not in _INNER:
            waiting = [*node.children, *waiting]


def _has(body: Node | None, kind: str) -> bool:
    return any(node.type == kind for node in _own_nodes(body))


def _returns(body: Node | None) -> bool:
    found = (node for node in _own_nodes(body) if node.type == "return_statement")
    return any(node.named_child_count for node in found)


def _thrown(tree: SyntaxTree, body: Node | None, kind: str, field: str) -> tuple[str, ...]:
    """The classes of what the body makes and throws at once."""
    names = []
    for node in _own_nodes(body):
        if node.type == "throw_statement" and node.named_children:
            made = node.named_children[0]
            if made.type == kind:
                names.append(_text(tree, made.child_by_field_name(field)))
    return tuple(dict.fromkeys(name for name in names if name))


def _named_below(tree: SyntaxTree, node: Node | None, kind: str) -> list[str]:
    found = [each for each in node.named_children if each.type == kind] if node else []
    return [_text(tree, next(iter(each.named_children), None)) for each in found]


def _default(tree: SyntaxTree, node: Node | None) -> str:
    text = _text(tree, node)
    return text if len(text) <= _MAX_DEFAULT_LEN and "\n" not in text else "..."


def _text(tree: SyntaxTree, node: Node | None) -> str:
    return tree.source(node).strip() if node is not None else ""
