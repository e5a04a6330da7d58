"""The table of families for people; README's is generated from it. Torch-free."""

from __future__ import annotations

from model_runtime.api import Layout
from model_runtime.families.formats import ChatFormat, Family
from model_runtime.families.table import FAMILIES

_LAYOUTS = {Layout.PSM: "prefix first", Layout.SPM: "suffix first", Layout.FROZEN: ""}
_CHATS = {
    ChatFormat.LLAMA2: "Llama 2's format",
    ChatFormat.SOURCE: "Code Llama 70B's format",
    ChatFormat.TEMPLATE: "the checkpoint's template",
}

BEGIN, END = "<!-- families: begin -->\n", "<!-- families: end -->\n"


def with_families(document: str) -> str:
    """A Markdown document with the table, as it is now, between the two markers. Raises ValueError
    for one that lacks them.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the markers {BEGIN.strip()} and {END.strip()} are missing")
    return f"{before}{BEGIN}\n{families_markdown()}\n{END}{after}"


def families_markdown() -> str:
    """A Markdown table with a line for each family, as it stands in README."""
    rows = [("Family", "For example", "Infilling", "Chat", "Note"), ("---",) * 5]
    rows += map(_row, FAMILIES)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _row(family: Family) -> tuple[str, str, str, str, str]:
    orders = dict.fromkeys(_LAYOUTS[layout] for layout in family.layouts)
    return (
        family.title,
        f"`{family.models[0]}`",
        ", ".join(order for order in orders if order),
        _CHATS[family.chat],
        "; ".join(family.quirks),
    )
