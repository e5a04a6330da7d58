"""The three ways to write a Python docstring, and which of them a file uses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """How a docstring names its parts."""

    GOOGLE = "google"
    """`Args:` with indented entries (Google's Python style guide, 3.8)."""
    NUMPY = "numpy"
    """`Parameters` underlined with dashes (numpydoc)."""
    SPHINX = "sphinx"
    """`:param name:` fields (Sphinx's Python domain)."""


@dataclass(frozen=True, slots=True)
class Convention:
    """A style, and whether its entries repeat the types of the signature."""

    style: Style = Style.GOOGLE
    with_types: bool = True
