"""New entries of a docstring in each style, with holes for the prose."""

from __future__ import annotations

from collections.abc import Sequence

from lsp_server.docstrings import wording
from lsp_server.docstrings.blocks import Entry, Fixed, Hole, Section, Written
from lsp_server.docstrings.facts import TEMPLATE, Kind, Outcome, Parameter
from lsp_server.docstrings.styles import CommentStyle, Convention, Style

_HEADINGS: dict[Style | CommentStyle, dict[Kind, str]] = {
    CommentStyle.RUSTDOC: {
        Kind.PARAMETER: "Arguments",
        Kind.RETURNS: "Returns",
        Kind.RAISES: "Errors",
    },
    Style.GOOGLE: {
        Kind.PARAMETER: "Args",
        Kind.ATTRIBUTE: "Attributes",
        Kind.RETURNS: "Returns",
        Kind.YIELDS: "Yields",
        Kind.RAISES: "Raises",
    },
    Style.NUMPY: {
        Kind.PARAMETER: "Parameters",
        Kind.ATTRIBUTE: "Attributes",
        Kind.RETURNS: "Returns",
        Kind.YIELDS: "Yields",
        Kind.RAISES: "Raises",
    },
}
_FIELDS = {Kind.PARAMETER: ("param", "type"), Kind.ATTRIBUTE: ("ivar", "vartype")}
_UNIT = "    "


def section(convention: Convention, kind: Kind, entries: Sequence[Entry]) -> Section:
    """Put entries of one kind under their heading."""
    heading = heading_of(convention.style, kind)
    return Section(convention.style, kind, heading, tuple(entries), len(heading))


def heading_of(style: Style | CommentStyle, kind: Kind) -> tuple[Written, ...]:
    """The lines that open a section; none where the style has no sections."""
    if style not in _HEADINGS:
        return ()
    title = _HEADINGS[style][kind]
    if style is CommentStyle.RUSTDOC:
        return (Fixed(f"# {title}"), Fixed(""))
    if style is Style.GOOGLE:
        return (Fixed(f"{title}:"),)
    return (Fixed(title), Fixed("-" * len(title)))


def parameter_entry(
    convention: Convention, kind: Kind, parameter: Parameter, indent: str = _UNIT
) -> Entry:
    """Describe a parameter or an attribute. `indent`: of a Google section's entries."""
    lines = _PARAMETER_LINES[convention.style](convention, kind, parameter, indent)
    type_ = parameter.type if convention.with_types else ""
    return Entry(kind, (parameter.name,), tuple(lines), type_)


def outcome_entry(convention: Convention, kind: Kind, outcome: Outcome) -> tuple[Entry, ...]:
    """Describe what is returned or yielded."""
    fallback = wording.outcome(outcome.type)
    type_ = outcome.type if convention.with_types else ""
    verb = "return" if kind is Kind.RETURNS else "yields"
    hole = Hole(_UNIT, verb, fallback)
    if convention.style is Style.SPHINX:
        of_type = [Fixed(f":rtype: {type_}")] if type_ and kind is Kind.RETURNS else []
        entries = [Entry(kind, (), (Hole(f":{verb}: ", verb, fallback),))]
        return (*entries, *(Entry(Kind.TYPE, (), (line,)) for line in of_type))
    if isinstance(convention.style, CommentStyle):
        before = "" if convention.style is CommentStyle.RUSTDOC else f"@{verb} "
        if convention.style is CommentStyle.TAGS and kind is Kind.RETURNS:
            before = "@returns "
        return (Entry(kind, (), (Hole(before, verb, fallback),)),)
    if convention.style is Style.NUMPY:
        lines = (Fixed(type_), hole) if type_ else (Hole("", verb, fallback),)
        return (Entry(kind, (), lines),)
    before = f"{_UNIT}{type_}: " if type_ else _UNIT
    return (Entry(kind, (), (Hole(before, verb, fallback, opens_with_type=not type_),)),)


def raises_entry(convention: Convention, exception: str, indent: str = _UNIT) -> Entry:
    """Say when an exception is raised."""
    fallback = wording.cause(exception)
    lines: tuple[Written, ...]
    if convention.style is Style.GOOGLE:
        before = f"{indent}{exception}: If "
        lines = (Hole(before, exception, fallback, is_clause=True),)
    elif convention.style is Style.NUMPY:
        lines = (Fixed(exception), Hole(f"{_UNIT}If ", exception, fallback, is_clause=True))
    elif convention.style is CommentStyle.RUSTDOC:
        lines = (Hole("If ", exception, fallback, is_clause=True),)
    else:
        lead = _RAISES.get(convention.style, ":raises {}:").format(exception)
        before = f"{lead} If "
        lines = (Hole(before, exception, fallback, is_clause=True),)
    return Entry(Kind.RAISES, (exception,), lines)


def _google(convention: Convention, _: Kind, parameter: Parameter, indent: str) -> list[Written]:
    type_ = parameter.type if convention.with_types else ""
    notes = ", ".join(note for note in (type_, "optional" if parameter.default else "") if note)
    notes = f" ({notes})" if type_ else ""
    before = f"{indent}{parameter.shown_name}{notes}: "
    return [_hole(parameter, before, _default_sentence(parameter))]


def _numpy(convention: Convention, _: Kind, parameter: Parameter, __: str) -> list[Written]:
    type_ = parameter.type if convention.with_types else ""
    default = parameter.default
    note = "optional" if default in ("None", "...") else f"default {default}" if default else ""
    notes = ", ".join(each for each in (type_, note) if each)
    head = f"{parameter.shown_name} : {notes}" if notes else parameter.shown_name
    return [Fixed(head), _hole(parameter, _UNIT, "")]


def _sphinx(convention: Convention, kind: Kind, parameter: Parameter, _: str) -> list[Written]:
    name, type_name = _FIELDS[kind]
    hole = _hole(parameter, f":{name} {parameter.name}: ", _default_sentence(parameter))
    if not (parameter.type and convention.with_types):
        return [hole]
    return [hole, Fixed(f":{type_name} {parameter.name}: {parameter.type}")]


def _tagged(convention: Convention, _: Kind, parameter: Parameter, __: str) -> list[Written]:
    dash = "- " if convention.style is CommentStyle.TAGS else ""
    tag = "tparam" if parameter.stars == TEMPLATE else "param"
    before = f"@{tag} {parameter.name} {dash}"
    return [_hole(parameter, before, _default_sentence(parameter))]


def _listed(_: Convention, __: Kind, parameter: Parameter, ___: str) -> list[Written]:
    return [_hole(parameter, f"* `{parameter.name}` - ", "")]


_PARAMETER_LINES = {
    Style.GOOGLE: _google,
    Style.NUMPY: _numpy,
    Style.SPHINX: _sphinx,
    CommentStyle.TAGS: _tagged,
    CommentStyle.PLAIN_TAGS: _tagged,
    CommentStyle.RUSTDOC: _listed,
}
_RAISES: dict[Style | CommentStyle, str] = {
    CommentStyle.TAGS: "@throws {{{}}}",
    CommentStyle.PLAIN_TAGS: "@throws {}",
}


def _hole(parameter: Parameter, before: str, after: str) -> Hole:
    return Hole(before, parameter.name, wording.about(parameter), after)


def _default_sentence(parameter: Parameter) -> str:
    if parameter.default in ("", "...", "None"):
        return ""
    return f" Defaults to {parameter.default}."
