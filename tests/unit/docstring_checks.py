"""Reads docstrings back by other means than those that write them, and holds two trees together."""

from __future__ import annotations

import ast
import inspect
import re

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_HEADINGS = "Args|Attributes|Returns|Yields|Raises"
_TITLES = "Parameters|Attributes|Returns|Yields|Raises"


def documented(docstring: str, style: str) -> list[str]:
    """The parameters that a docstring names, by the style's own definition."""
    text = inspect.cleandoc(docstring)
    if style == "sphinx":
        return re.findall(r"^:(?:param|ivar) (\w+):", text, re.MULTILINE)
    if style == "google":
        sections = re.split(rf"^({_HEADINGS}):$", text, flags=re.MULTILINE)
        pattern = r"^    \*{0,2}(\w+)(?: \(.*\))?: "
    else:
        sections = re.split(rf"^({_TITLES})\n-+$", text, flags=re.MULTILINE)
        pattern = r"^\*{0,2}(\w+)(?: : .*)?$"
    found = dict(zip(sections[1::2], sections[2::2], strict=True))
    body = found.get("Args") or found.get("Parameters") or found.get("Attributes") or ""
    return re.findall(pattern, body, re.MULTILINE)


def declared(node: Definition, holder: ast.AST | None) -> list[str]:
    """The parameters of a function without `self`; of a class, those of its `__init__`."""
    if isinstance(node, ast.ClassDef):
        inits = [each for each in node.body if getattr(each, "name", "") == "__init__"]
        is_function = inits and isinstance(inits[0], ast.FunctionDef | ast.AsyncFunctionDef)
        return declared(inits[0], node) if is_function else []  # type: ignore[arg-type]
    spec = node.args
    names = [argument.arg for argument in [*spec.posonlyargs, *spec.args]]
    is_static = any(ast.unparse(each) == "staticmethod" for each in node.decorator_list)
    if isinstance(holder, ast.ClassDef) and not is_static:
        names = names[1:]
    names += [spec.vararg.arg] if spec.vararg else []
    names += [argument.arg for argument in spec.kwonlyargs]
    return names + ([spec.kwarg.arg] if spec.kwarg else [])


def held(tree: ast.AST) -> list[tuple[Definition, ast.AST | None]]:
    """Every definition with the definition that it is in."""
    found: list[tuple[Definition, ast.AST | None]] = []

    def visit(node: ast.AST, holder: ast.AST | None) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Definition):
                found.append((child, holder))
                visit(child, child)
            else:
                visit(child, holder)

    visit(tree, None)
    return found


def without_docstrings(text: str) -> str:
    """The syntax of a text but for the docstrings of its functions and classes."""
    tree = ast.parse(text)
    for node, _ in held(tree):
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return ast.dump(tree)


def check_parameters(text: str, name: str, style: str) -> None:
    """Hold the docstring of the function with this name against its signature."""
    for node, holder in held(ast.parse(text)):
        if node.name == name:
            docstring = ast.get_docstring(node, clean=False) or ""
            assert documented(docstring, style) == declared(node, holder), docstring
            return
    raise AssertionError(f"no function {name}")
