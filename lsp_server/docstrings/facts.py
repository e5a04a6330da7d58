"""What a definition's own syntax says: the part of a docstring that no model may invent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an entry of a docstring is about."""

    PARAMETER = "parameter"
    ATTRIBUTE = "attribute"
    RETURNS = "returns"
    YIELDS = "yields"
    RAISES = "raises"
    TYPE = "type"
    """The type of a parameter, an attribute or a return value, where a style keeps it apart."""
    OTHER = "other"


TEMPLATE = "template"
"""In place of stars: a parameter of a template of C++."""
UNNAMED = "unnamed"
"""In place of stars: a parameter that is taken apart at once, so that its name is made up."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name to document.

    stars: `*`, `**`, TEMPLATE, UNNAMED or nothing. type, default: as they stand in the source, on
    one line; empty where there are none.
    """

    name: str
    type: str = ""
    default: str = ""
    stars: str = ""

    @property
    def shown_name(self) -> str:
        return self.stars + self.name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes back; `type` is empty where the source does not tell."""

    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a docstring of a definition has to mention.

    parameters: None where they are not to be seen in the definition itself, such as those of a
    class without `__init__`; what a docstring says about them is then left alone.
    attributes: the fields of a dataclass and its like; None for anything else.
    bound: further names that the class binds, which a docstring may describe as attributes.
    is_value: a property: described as a thing, not as an action.
    """

    name: str
    parameters: tuple[Parameter, ...] | None = ()
    attributes: tuple[Parameter, ...] | None = None
    bound: frozenset[str] = frozenset()
    returns: Outcome | None = None
    yields: Outcome | None = None
    raises: tuple[str, ...] = ()
    is_class: bool = False
    is_value: bool = False

    @property
    def takes_more(self) -> bool:
        """Whether there is a `**name`, behind which parameters may be that cannot be seen: what a
        docstring says about such stays.
        """
        return any(each.stars == "**" for each in self.parameters or ())
