"""The ways to write a docstring or a doc comment."""

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


def chosen_style(setting: str) -> Style | None:
    """What the setting `docstring_style` says; None takes the file's own style."""
    return None if setting == "auto" else Style(setting)


class CommentStyle(StrEnum):
    """How a comment in front of a definition names its parts, in languages other than Python."""

    TAGS = "tags"
    """`@param name - …` (JSDoc)."""
    PLAIN_TAGS = "plain tags"
    """`@param name …` (Javadoc, Doxygen)."""
    RUSTDOC = "rustdoc"
    """Markdown sections such as `# Arguments`, with lists."""
    SENTENCE = "sentence"
    """One sentence that begins with the name (Go)."""


@dataclass(frozen=True, slots=True)
class Convention:
    """A style, and whether its entries repeat the types of the signature."""

    style: Style | CommentStyle = Style.GOOGLE
    with_types: bool = True

    @property
    def lists_fields(self) -> bool:
        """Whether all entries stand in one list, without headings."""
        return self.style in (Style.SPHINX, CommentStyle.TAGS, CommentStyle.PLAIN_TAGS)
