"""Makes the README's film: what a real Neovim draws while somebody types, with the starter model;
an SVG that moves. Nothing in it is drawn by hand. The fix, which the starter cannot do, is what
ruff reports and what a script answers in place of a model that chats; the film says so.

python -m tests.editors.film [docs/film.svg]
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.editors.conftest import run_fimbria
from tests.editors.get_neovim import REPOSITORY, neovim
from tests.editors.neovim_driver import Editor, running, until
from tests.editors.neovim_screen import Cell
from tests.editors.picture import CELL_HEIGHT, CURSOR, caption, place, runs, window
from tests.editors.vscode_chat_engine import ChatEngine, chat_engine

KEY_S, LOOK_S, END_S = 0.09, 1.6, 3.0
SIZE = (96, 28)
SETUP = """
vim.o.laststatus, vim.o.showmode, vim.o.ruler, vim.o.fillchars = 0, false, false, 'eob: '
vim.o.hlsearch, vim.o.shortmess = false, vim.o.shortmess .. 'F'
vim.diagnostic.config({ virtual_text = true, signs = false })
"""
TITLE = "Ghost text, a docstring and a fix in Neovim"
GHOST = "Ghost text from the starter model"
DOCSTRING = "A docstring: parameters from the syntax tree, prose from the starter"
FIX = "A fix, with a model that chats (here a script answers in its place)"
SERVER = [sys.executable, "-m", "lsp_server"]
BEFORE = '''\
class Stack:
    """A last-in, first-out collection."""

    def __init__(self, items=()):
        self._items = list(items)

    def push(self, item):
        self._items.append(item)

    def extend(self, items):
        for item in items:
'''
BODY = "self._items."
METHOD = "    def pop(self, num_items=1, *, strict: bool = True) -> list:"
MISSPELT, SPELT = "num_item", "num_items"
LINTER = """
local misspelt, python = ...
vim.fn.search([[\\<]] .. misspelt .. [[\\>]], 'w')
vim.lsp.config('ruff', { cmd = { python, '-m', 'ruff', 'server' }, filetypes = { 'python' } })
vim.lsp.enable('ruff')
"""
REST = f"""\
        if strict and num_items > len(self._items):
            raise IndexError(num_items)
        popped = self._items[-num_items:]
        del self._items[-{MISSPELT}:]
        return popped
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn, what is said of it, and for how many seconds."""

    rows: tuple[tuple[Cell, ...], ...]
    cursor: tuple[int, int]
    seconds: float
    caption: str = ""


class Camera:
    """Keeps what an editor draws."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self.caption = ""
        self.frames: list[Frame] = []

    def shoot(self, seconds: float) -> None:
        rows = tuple(map(tuple, self._editor.cells()))
        cursor = self._editor.rpc.screen.cursor
        self.frames.append(Frame(rows, cursor, seconds, self.caption))

    def type(self, text: str) -> None:
        for character in text:
            self._editor.keys("<lt>" if character == "<" else character)
            self.shoot(KEY_S)

    def press(self, key: str, seconds: float = LOOK_S) -> None:
        before = self._editor.lines()
        self._editor.keys(key)
        until(lambda: self._editor.lines() != before, f"what {key} does")
        self.shoot(seconds)

    def look_at_ghost(self) -> None:
        until(self._editor.ghost, "ghost text on the screen")
        self.shoot(LOOK_S)


def filmed() -> list[Frame]:
    """Type into the sample in Neovim, and take a frame at each key."""
    with tempfile.TemporaryDirectory() as folder, chat_engine() as engine:
        home = Path(folder)
        path = home / "stack.py"
        path.write_text(BEFORE + REST, encoding="utf-8")
        environment = {"FIMBRIA_RUNTIME_DIR": folder, "FIMBRIA_LOG_FILE": str(home / "log")}
        run_fimbria(environment, "serve", "--background")
        asking = {**environment, "FIMBRIA_CHAT_ENDPOINT": engine.url}
        try:
            with running(
                neovim(), home, server=SERVER, environment=asking, setup=SETUP, size=SIZE
            ) as editor:
                editor.open(path)
                camera = Camera(editor)
                _complete(editor, camera)
                _document(editor, camera)
                _fix(editor, camera, engine)
                return camera.frames
        finally:
            run_fimbria(environment, "stop", "--all")


def _complete(editor: Editor, camera: Camera) -> None:
    camera.caption = GHOST
    editor.keys(f"{len(BEFORE.splitlines())}Go")
    camera.shoot(LOOK_S / 2)
    camera.type(BODY)
    camera.look_at_ghost()
    camera.press("<Tab>")


def _document(editor: Editor, camera: Camera) -> None:
    camera.caption = DOCSTRING
    editor.keys("<CR><CR><C-u>")
    camera.type(METHOD)
    editor.keys("<CR>")
    camera.shoot(KEY_S)
    camera.type('"""')
    camera.look_at_ghost()
    camera.press("<Tab>", END_S)


def _fix(editor: Editor, camera: Camera, engine: ChatEngine) -> None:
    camera.caption = FIX
    lines = editor.lines()
    start = lines.index(METHOD)
    method = "\n".join(lines[start:]).rstrip()
    mended = re.sub(rf"\b{MISSPELT}\b", SPELT, method)
    engine.answer = f"```python\n{mended}\n```\n"
    editor.keys("<Esc>")
    editor.wait_for_mode("n")
    editor.lua(LINTER, MISSPELT, sys.executable)
    until(lambda: f"`{MISSPELT}`" in "\n".join(editor.screen()), "what ruff reports")
    camera.shoot(LOOK_S)
    camera.type(":Fimbria fix")
    camera.press("<CR>", END_S)


def film(frames: Sequence[Frame]) -> str:
    """Draw the frames one after the other, for ever. Rows that come again are drawn once."""
    shown = max(_num_rows(frame) for frame in frames)
    names: dict[tuple[str, ...], str] = {}
    layers = [_layer(number, frame, shown, names) for number, frame in enumerate(frames)]
    rows = [f'<g id="{name}">{"".join(row)}</g>' for row, name in names.items()]
    style = f"<style>{''.join(_timing(frames))}</style>"
    return window(shown, SIZE[0], TITLE, [style, f"<defs>{''.join(rows)}</defs>", *layers])


def _num_rows(frame: Frame) -> int:
    texts = ["".join(cell.text for cell in row).strip() for row in frame.rows]
    return max((number + 1 for number, text in enumerate(texts) if text), default=0)


def _layer(number: int, frame: Frame, shown: int, names: dict[tuple[str, ...], str]) -> str:
    uses = []
    for index, row in enumerate(frame.rows[:shown]):
        drawn = tuple(runs(0, row))
        if drawn:
            name = names.setdefault(drawn, f"r{len(names)}")
            uses.append(f'<use href="#{name}" y="{index * CELL_HEIGHT:g}"/>')
    x, y = place(*frame.cursor)
    uses.append(f'<rect x="{x:g}" y="{y:g}" width="2" height="{CELL_HEIGHT:g}" fill="{CURSOR}"/>')
    uses.append(caption(frame.caption, SIZE[0]))
    return f'<g class="f f{number}">{"".join(uses)}</g>'


def _timing(frames: Sequence[Frame]) -> Iterator[str]:
    total = sum(frame.seconds for frame in frames)
    yield f".f{{visibility:hidden;animation-duration:{total:.2f}s;"
    yield "animation-timing-function:step-end;animation-iteration-count:infinite}"
    start = 0.0
    for number, frame in enumerate(frames):
        first, last = 100 * start / total, 100 * (start + frame.seconds) / total
        before = "0%{visibility:hidden}" if number else ""
        yield f".f{number}{{animation-name:k{number}}}@keyframes k{number}{{{before}"
        yield f"{first:.3f}%{{visibility:visible}}{last:.3f}%{{visibility:hidden}}}}"
        start += frame.seconds


def main() -> None:
    """Write the film."""
    target = Path(sys.argv[1]) if sys.argv[1:] else REPOSITORY / "docs" / "film.svg"
    target.write_text(film(filmed()), encoding="utf-8")


if __name__ == "__main__":
    main()
