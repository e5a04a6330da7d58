"""The settings as JSON schema, for editors' settings pages and for documentation.

python -m lsp_server.settings_schema prints it.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import Field, fields
from itertools import pairwise
from typing import Any

from lsp_server import settings
from lsp_server.settings import OneOf, Settings, WholeNumber


def settings_schema() -> dict[str, dict[str, Any]]:
    """Return, for each setting by its name in camel case and in the order of `Settings`: type,
    default, what is allowed, and `markdownDescription`, which is the field's own docstring.
    """
    descriptions = _descriptions()
    return {
        camel_case(item.name): {
            **_kind(item),
            "default": _default(item),
            "markdownDescription": descriptions[item.name],
        }
        for item in fields(Settings)
    }


def camel_case(name: str) -> str:
    """Return a setting's name as editors write it."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _kind(item: Field[Any]) -> Mapping[str, Any]:
    parse = item.metadata["parse"]
    if isinstance(parse, OneOf):
        return {"type": "string", "enum": list(parse.choices)}
    if isinstance(parse, WholeNumber):
        return {"type": "integer", "minimum": parse.low, "maximum": parse.high}
    if isinstance(item.default, tuple):
        return {"type": "array", "items": item.metadata.get("items", {"type": "string"})}
    if isinstance(item.default, bool):
        return {"type": "boolean"}
    if isinstance(item.default, float):
        return {"type": "number", "minimum": 0}
    return {"type": "string"}


def _default(item: Field[Any]) -> object:
    if isinstance(item.default, tuple):
        return list(item.default)
    return "" if item.default is None else item.default


def _descriptions() -> dict[str, str]:
    """Find the text below each field: Python keeps docstrings of attributes in the source only."""
    tree = ast.parse(inspect.getsource(settings))
    body = next(
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == Settings.__name__
    )
    return {
        statement.target.id: inspect.cleandoc(below.value.value).replace("\n", " ")
        for statement, below in pairwise(body)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


if __name__ == "__main__":
    json.dump(settings_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
