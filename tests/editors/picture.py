"""Draws a terminal's screen as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from tests.editors.neovim_driver import GHOST_COLOR
from tests.editors.neovim_screen import Cell

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 9.0, 20.0, 15
MARGIN, TITLE_HEIGHT = 14.0, 30.0
FOREGROUND, BACKGROUND, FRAME, CURSOR = "#d8dee9", "#14161b", "#2b303b", "#8fbcbb"
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def window(rows: int, columns: int, title: str, content: Sequence[str]) -> str:
    """A terminal window around what is drawn in it."""
    width = columns * CELL_WIDTH + 2 * MARGIN
    height = rows * CELL_HEIGHT + 2 * MARGIN + TITLE_HEIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
            f' width="{width:g}" height="{height:g}" font-family="{FONTS}"'
            f' font-size="{FONT_SIZE}" fill="{FOREGROUND}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="100%" height="100%" rx="9" fill="{BACKGROUND}" stroke="{FRAME}"/>',
            *(
                f'<circle cx="{20 + 18 * i}" cy="19" r="5.5" fill="{color}"/>'
                for i, color in enumerate(("#bf616a", "#ebcb8b", "#a3be8c"))
            ),
            *content,
            "</svg>\n",
        ]
    )


def caption(words: str, columns: int) -> str:
    """What stands in the title of a window."""
    x = MARGIN + columns * CELL_WIDTH / 2
    return f'<text x="{x:g}" y="24" text-anchor="middle" font-size="13">{escape(words)}</text>'


def place(row: int, column: int) -> tuple[float, float]:
    """Return the upper left corner of a cell."""
    return MARGIN + column * CELL_WIDTH, TITLE_HEIGHT + MARGIN + row * CELL_HEIGHT


def runs(row: int, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the pieces of a row that look the same."""
    numbered = list(enumerate(cells))
    for style, group in groupby(numbered, key=lambda pair: look(pair[1])):
        run = list(group)
        while run and not run[-1][1].text.strip():
            run.pop()
        if run:
            text = "".join(cell.text for _, cell in run)
            x, y = place(row, run[0][0])
            yield (
                f'<text x="{x:g}" y="{y + 0.75 * CELL_HEIGHT:g}" xml:space="preserve"'
                f' textLength="{len(run) * CELL_WIDTH:g}"{style}>{escape(text)}</text>'
            )


def look(cell: Cell) -> str:
    """Return how a cell looks, as attributes."""
    attributes = cell.attributes
    style = ""
    if "foreground" in attributes:
        style += f' fill="#{attributes["foreground"]:06x}"'
    if attributes.get("bold"):
        style += ' font-weight="bold"'
    if attributes.get("foreground") == GHOST_COLOR or attributes.get("italic"):
        style += ' font-style="italic"'
    return style
