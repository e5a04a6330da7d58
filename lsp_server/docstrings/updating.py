"""Brings a docstring's blocks into agreement with a signature: what is said stays, names that are
gone go, new ones come, in the signature's order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from lsp_server.docstrings.blocks import REMARKS, Block, Entry, Line, Section, Text, has_kind, named
from lsp_server.docstrings.entries import (
    outcome_entry,
    parameter_entry,
    raises_entry,
    section,
)
from lsp_server.docstrings.facts import Kind, Parameter, Signature
from lsp_server.docstrings.retyping import retyped
from lsp_server.docstrings.styles import Convention

_ORDER = (Kind.PARAMETER, Kind.ATTRIBUTE, Kind.RETURNS, Kind.YIELDS, Kind.RAISES, Kind.OTHER)

Blocks = tuple[Block, ...]


def updated(blocks: Blocks, signature: Signature, convention: Convention) -> Blocks:
    """Return the blocks that belong to a signature; the same ones if nothing is to be changed."""
    if signature.parameters is not None:
        gone = _is_gone(signature.parameters, frozenset([""] if signature.takes_more else []))
        blocks = _with_names(blocks, Kind.PARAMETER, signature.parameters, gone, convention)
    if signature.attributes is not None:
        kind = _kind_of_fields(blocks, signature.attributes)
        gone = _is_gone(signature.attributes, signature.bound)
        blocks = _with_names(blocks, kind, signature.attributes, gone, convention)
    for kind, outcome in ((Kind.RETURNS, signature.returns), (Kind.YIELDS, signature.yields)):
        if outcome is not None and not has_kind(blocks, Kind.RETURNS, Kind.YIELDS):
            blocks = _added(blocks, kind, outcome_entry(convention, kind, outcome), convention)
    return _with_raises(blocks, signature.raises, convention)


def _is_gone(parameters: Sequence[Parameter], bound: frozenset[str]) -> Callable[[str], bool]:
    """Tell which names are documented in vain. An empty name among the bound ones: there may be
    more than can be seen.
    """
    there = frozenset(parameter.name for parameter in parameters) | bound | REMARKS
    return lambda name: "" not in bound and name not in there


def _kind_of_fields(blocks: Blocks, fields: Sequence[Parameter]) -> Kind:
    """Some describe a dataclass's fields as the parameters that they become."""
    names = {field.name for field in fields}
    return Kind.PARAMETER if names & set(named(blocks, Kind.PARAMETER)) else Kind.ATTRIBUTE


def _with_names(
    blocks: Blocks,
    kind: Kind,
    parameters: Sequence[Parameter],
    is_gone: Callable[[str], bool],
    convention: Convention,
) -> Blocks:
    order = {parameter.name: at for at, parameter in enumerate(parameters)}
    blocks = tuple(
        tidy for block in blocks if (tidy := _tidied(block, kind, order, is_gone)) is not None
    )
    blocks = _with_types(blocks, kind, parameters)
    known = set(named(blocks, kind))
    missing = [parameter for parameter in parameters if parameter.name not in known]
    return _with_new(blocks, kind, missing, order, convention) if missing else blocks


def _with_types(blocks: Blocks, kind: Kind, parameters: Sequence[Parameter]) -> Blocks:
    by_name = {parameter.name: parameter for parameter in parameters}

    def current(entry: Entry) -> Entry:
        is_one = _belongs(entry, kind) and len(entry.names) == 1
        known = by_name.get(entry.names[0]) if is_one else None
        return retyped(entry, known) if known is not None else entry

    return tuple(
        _with_entries(block, [current(entry) for entry in block.entries])
        if isinstance(block, Section)
        else block
        for block in blocks
    )


def _tidied(
    block: Block, kind: Kind, order: dict[str, int], is_gone: Callable[[str], bool]
) -> Block | None:
    """Leave out the entries of names that are gone and sort the rest; None if nothing is left."""
    if not isinstance(block, Section) or kind not in _kinds_within(block):
        return block
    kept = [left for entry in block.entries if (left := _remaining(entry, kind, is_gone))]
    is_empty = not kept and len(block.head) == block.num_heading
    return None if is_empty else _with_entries(block, _sorted(kept, kind, order))


def _kinds_within(block: Section) -> set[Kind]:
    return {entry.kind for entry in block.entries}


def _remaining(entry: Entry, kind: Kind, is_gone: Callable[[str], bool]) -> Entry | None:
    """An entry without the names that are gone; None if there is no other."""
    of_kind = entry.kind is kind or (entry.kind is Kind.TYPE and entry.names)
    gone = [name for name in entry.names if is_gone(name)] if of_kind else []
    if not gone:
        return entry
    left = tuple(name for name in entry.names if name not in gone)
    first = entry.lines[0]
    if not left or not isinstance(first, Line):
        return None
    source = first.source
    for name in gone:
        source = _without_name(source, name)
    renamed = Line(first.text, source)
    return replace(entry, names=left, lines=(renamed, *entry.lines[1:]))


def _without_name(source: str, name: str) -> str:
    escaped = r"(?:\\*\*)*" + re.escape(name) + r"\b"
    without = re.sub(rf"^(\s*){escaped}\s*,\s*", r"\1", source, count=1)
    return without if without != source else re.sub(rf",\s*{escaped}", "", source, count=1)


def _sorted(entries: list[Entry], kind: Kind, order: dict[str, int]) -> list[Entry]:
    """Put entries into the signature's order, if they are not; those of other kinds behind."""
    ours = [entry for entry in entries if _belongs(entry, kind)]
    ranks = _places(ours, order)
    of_kind = [rank for entry, rank in zip(ours, ranks, strict=True) if entry.kind is kind]
    if of_kind == sorted(of_kind):
        return entries
    ordered = sorted(range(len(ours)), key=ranks.__getitem__)
    others = [entry for entry in entries if not _belongs(entry, kind)]
    return [*(ours[at] for at in ordered), *others]


def _places(entries: Sequence[Entry], order: dict[str, int]) -> list[int]:
    """Ranks by which entries are sorted; one about an unknown name stays behind its neighbour."""
    places: list[int] = []
    for entry in entries:
        rank = _rank(entry, order)
        places.append(rank if rank < len(order) else places[-1] if places else -1)
    return places


def _belongs(entry: Entry, kind: Kind) -> bool:
    return entry.kind is kind or (entry.kind is Kind.TYPE and bool(entry.names))


def _rank(entry: Entry, order: dict[str, int]) -> int:
    return min((order.get(name, len(order)) for name in entry.names), default=len(order))


def _with_new(
    blocks: Blocks,
    kind: Kind,
    missing: Sequence[Parameter],
    order: dict[str, int],
    convention: Convention,
) -> Blocks:
    home = next((b for b in blocks if isinstance(b, Section) and kind in _kinds_within(b)), None)
    if home is None:
        new = [parameter_entry(convention, kind, parameter) for parameter in missing]
        return _added(blocks, kind, tuple(new), convention)
    convention = _as_in(home, kind, convention)
    entries = list(home.entries)
    indent = _entry_indent(home)
    for parameter in missing:
        at = _place(entries, kind, order, order[parameter.name])
        entry = parameter_entry(convention, kind, parameter, indent)
        _insert(entries, at, entry)
    return tuple(_with_entries(b, entries) if b is home else b for b in blocks)


def _as_in(home: Section, kind: Kind, convention: Convention) -> Convention:
    """New entries tell their type if one of those beside them does."""
    typed = any(
        entry.type or entry.kind is Kind.TYPE
        for entry in home.entries
        if entry.kind in (kind, Kind.TYPE)
    )
    return replace(convention, with_types=typed)


def _entry_indent(home: Section) -> str:
    for entry in home.entries:
        line = entry.lines[0]
        if isinstance(line, Line):
            return line.text[: line.indent]
    return "    "


def _place(entries: Sequence[Entry], kind: Kind, order: dict[str, int], rank: int) -> int:
    """Behind the last entry that comes before, and behind its type where that follows."""
    before = [
        at for at, entry in enumerate(entries) if entry.kind is kind and _rank(entry, order) < rank
    ]
    if not before:
        firsts = [at for at, entry in enumerate(entries) if entry.kind is kind]
        return firsts[0] if firsts else 0
    at = before[-1] + 1
    while at < len(entries) and entries[at].kind is Kind.TYPE and entries[at].names:
        if _rank(entries[at], order) >= rank:
            break
        at += 1
    return at


def _insert(entries: list[Entry], at: int, new: Entry) -> None:
    """Insert an entry before the blank lines that the one above it ends with."""
    if at:
        above = entries[at - 1]
        num_kept = len(above.lines)
        while num_kept > 1 and _is_blank_line(above.lines[num_kept - 1]):
            num_kept -= 1
        blanks = above.lines[num_kept:]
        entries[at - 1] = replace(above, lines=above.lines[:num_kept])
        new = replace(new, lines=(*new.lines, *blanks))
    entries.insert(at, new)


def _is_blank_line(line: object) -> bool:
    return isinstance(line, Line) and line.is_blank


def _with_raises(blocks: Blocks, raised: Sequence[str], convention: Convention) -> Blocks:
    """Add what is missing; what callees raise may well be documented too, so nothing goes."""
    known = {name.rpartition(".")[2] for name in named(blocks, Kind.RAISES)}
    missing = [name for name in raised if name.rpartition(".")[2] not in known]
    if not missing:
        return blocks
    home = next((b for b in blocks if isinstance(b, Section) and b.kind is Kind.RAISES), None)
    indent = _entry_indent(home) if home is not None else "    "
    new = [raises_entry(convention, name, indent) for name in missing]
    if home is None:
        return _added(blocks, Kind.RAISES, tuple(new), convention)
    entries = list(home.entries)
    for entry in new:
        _insert(entries, len(entries), entry)
    return tuple(_with_entries(b, entries) if b is home else b for b in blocks)


def _added(
    blocks: Blocks, kind: Kind, entries: tuple[Entry, ...], convention: Convention
) -> Blocks:
    """Add entries where there are none of their kind: in a section of their own, or, in Sphinx's
    style, within the list of fields.
    """
    if convention.lists_fields:
        return _added_fields(blocks, kind, entries, convention)
    new = section(convention, kind, entries)
    rank = _ORDER.index(kind)
    later = (
        at
        for at, block in enumerate(blocks)
        if isinstance(block, Section) and _ORDER.index(block.kind) > rank
    )
    at = next(later, len(blocks))
    return (*blocks[:at], new, *blocks[at:])


def _added_fields(
    blocks: Blocks, kind: Kind, entries: tuple[Entry, ...], convention: Convention
) -> Blocks:
    home = next((b for b in blocks if isinstance(b, Section) and b.num_heading == 0), None)
    if home is None:
        return (*blocks, section(convention, Kind.OTHER, entries))
    rank = _ORDER.index(kind)
    there = list(home.entries)
    later = (at for at, each in enumerate(there) if _field_rank(each) > rank)
    at = next(later, len(there))
    for number, entry in enumerate(entries):
        _insert(there, at + number, entry)
    return tuple(_with_entries(b, there) if b is home else b for b in blocks)


def _field_rank(entry: Entry) -> int:
    if entry.kind is Kind.TYPE:
        return _ORDER.index(Kind.PARAMETER if entry.names else Kind.RETURNS)
    return _ORDER.index(entry.kind)


def _with_entries(block: Block, entries: Sequence[Entry]) -> Block:
    if isinstance(block, Text) or tuple(entries) == block.entries:
        return block
    return replace(block, entries=tuple(entries))
