"""The settings as JSON schema, for editors' settings pages and for documentation.

python -m lsp_server.settings_schema prints it; with the name of a Markdown file it writes the table
of settings there, between its marks.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from lsp_server import settings
from lsp_server.settings import OneOf, Settings, WholeNumber

BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


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


def with_table(page: str) -> str:
    """Put the table of settings between the marks of a Markdown page."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{_table()}\n{END}{after}"


def _table() -> str:
    rows = ["| setting | default | |", "| --- | --- | --- |"]
    for item, schema in zip(fields(Settings), settings_schema().values(), strict=True):
        default = json.dumps(schema["default"], ensure_ascii=False)
        about = schema["markdownDescription"].replace("|", "\\|")
        rows.append(f"| `{item.name}` | `{default}` | {_choices(schema)}{about} |")
    return "\n".join([*rows, ""])


def _choices(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"]) + ". "
    if "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}. "
    return ""


def main(arguments: Sequence[str]) -> None:
    """Print the schema, or write the table into a page."""
    if arguments:
        page = Path(arguments[0])
        page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
        return
    json.dump(settings_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
