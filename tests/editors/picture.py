"""Makes the README's picture: a real Neovim with the starter model's ghost text, as it is drawn.

python -m tests.editors.picture [docs/ghost.svg]
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from tests.editors.get_neovim import REPOSITORY, neovim
from tests.editors.neovim_driver import GHOST_COLOR, running, until
from tests.editors.neovim_screen import Cell

SIZE = (60, 17)
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 9.0, 20.0, 15
MARGIN, TITLE_HEIGHT = 14.0, 30.0
FOREGROUND, BACKGROUND, FRAME, CURSOR = "#d8dee9", "#14161b", "#2b303b", "#8fbcbb"
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

BEFORE = '''\
class Stack:
    """A last-in, first-out collection."""

    def __init__(self):
        self._items = []

    def push(self, item):
        self._items.append(item)

    def __len__(self):
        '''
TYPED = "return "
AFTER = """

    def __iter__(self):
        return reversed(self._items)
"""
SETUP = "vim.o.laststatus, vim.o.showmode, vim.o.ruler, vim.o.fillchars = 0, false, false, 'eob: '"


def screen_with_ghost() -> tuple[list[list[Cell]], tuple[int, int]]:
    """Type into the sample in Neovim; return the screen and the cursor's cell."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = home / "stack.py"
        path.write_text(BEFORE + AFTER, encoding="utf-8")
        server = [sys.executable, "-m", "lsp_server"]
        environment = {"FIMBRIA_RUNTIME_DIR": str(home), "FIMBRIA_LOG_FILE": str(home / "log")}
        with running(
            neovim(), home, server=server, environment=environment, setup=SETUP, size=SIZE
        ) as editor:
            editor.open(path)
            editor.keys(f"{len(BEFORE.splitlines())}GA{TYPED}")
            until(editor.ghost, "ghost text on the screen")
            cells, cursor = editor.cells(), editor.rpc.screen.cursor
        os.spawnve(
            os.P_WAIT, sys.executable, [*server, "stop", "--all"], {**os.environ, **environment}
        )
    return cells, cursor


def svg(cells: Sequence[Sequence[Cell]], cursor: tuple[int, int], title: str) -> str:
    """Draw the screen as a terminal window."""
    rows = len(cells)
    while rows and not "".join(cell.text for cell in cells[rows - 1]).strip():
        rows -= 1
    x, y = place(*cursor)
    mark = f'<rect x="{x:g}" y="{y:g}" width="2" height="{CELL_HEIGHT:g}" fill="{CURSOR}"/>'
    texts = [run for row in range(rows) for run in runs(row, cells[row])]
    return window(rows, SIZE[0], title, [mark, *texts])


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


def main() -> None:
    """Write the picture."""
    target = Path(sys.argv[1]) if sys.argv[1:] else REPOSITORY / "docs" / "ghost.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    picture = svg(*screen_with_ghost(), "Ghost text from Fimbria's starter model in Neovim")
    target.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
