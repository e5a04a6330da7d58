"""Typing into a real Neovim at a steady pace, and what its screen shows after each key."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.ghost_flickers import Frame
from benchmarks.ghost_keys import LOOK_MS, Key, Kind, Press, Typist, outcomes, places
from benchmarks.ghost_server import recording, said
from benchmarks.ghost_text import Sample
from tests.editors.get_neovim import neovim
from tests.editors.neovim_driver import GHOST_COLOR, Editor, running, until
from tests.editors.neovim_screen import Screen

SIZE = (120, 40)
NEOVIM_KEYS = {"<": "<lt>", " ": "<Space>"}


class Frames(Screen):
    """A screen that remembers what it showed each time that Neovim had drawn all of a change."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self.frames: list[Frame] = []

    def go_on_from(self, screen: Screen) -> None:
        """Know the colours that Neovim has told another screen, and will not tell again."""
        self._attributes = screen._attributes

    def _on_flush(self) -> None:
        at = time.monotonic()
        self.frames.append(Frame(at, self.cursor, self._ghost()))

    def _ghost(self) -> str:
        colours = {
            number
            for number, attributes in self._attributes.items()
            if attributes.get("foreground") == GHOST_COLOR
        }
        rows = ("".join(text for text, number in row if number in colours) for row in self._drawn)
        return "\n".join(row.rstrip() for row in rows if row)


@contextmanager
def neovim_typist(
    sample: Sample, environment: Mapping[str, str], *, with_plugin: bool
) -> Iterator[Typist]:
    """A typist whose every run has a Neovim of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file, record = Path(folder) / sample.name, Path(folder) / "record"

        def type_anew(keys: Sequence[str], delay_ms: float) -> list[Key]:
            file.write_text(sample.around, encoding="utf-8")
            running = _neovim_on(file, record, environment, with_plugin=with_plugin)
            with running as (editor, frames):
                record.unlink(missing_ok=True)
                editor.keys(f"{len(sample.before)}GA")
                editor.wait_for_mode("i")
                before = Frame(time.monotonic(), frames.cursor, "")
                seen = list(_type(editor, frames, keys, delay_ms, with_plugin=with_plugin))
            known = said(record)
            at = places(keys, len(sample.before) - 1)
            return outcomes(
                before,
                [
                    replace(press, said=known.get(place, Kind.UNASKED))
                    for press, place in zip(seen, at, strict=True)
                ],
            )

        yield type_anew


def _type(
    editor: Editor, frames: Frames, keys: Sequence[str], delay_ms: float, *, with_plugin: bool
) -> Iterator[Press]:
    """Press keys, one each `delay_ms`, in insert mode. What the server has said is not known."""
    due = time.monotonic()
    for key in keys:
        frames.frames = []
        began = time.monotonic()
        editor.keys(in_neovims_notation(key))
        due += delay_ms / 1000
        look = due - LOOK_MS / 1000
        editor.rpc.watch(look)
        is_thinking = with_plugin and editor.lua("return require('fimbria.ghost').is_thinking(0)")
        editor.rpc.watch(due)
        yield Press(key, began, look, frames.frames, bool(is_thinking), Kind.UNASKED)


def in_neovims_notation(key: str) -> str:
    """Say a key as Neovim's `nvim_input` wants it."""
    return NEOVIM_KEYS.get(key, key).replace("\n", "<CR>")


@contextmanager
def _neovim_on(
    file: Path, record: Path, environment: Mapping[str, str], *, with_plugin: bool
) -> Iterator[tuple[Editor, Frames]]:
    """A Neovim that shows the file, with the model loaded. record: where its server writes."""
    setup = "vim.o.swapfile = false"
    with (
        tempfile.TemporaryDirectory() as home,
        running(
            neovim(),
            Path(home),
            server=recording(record),
            environment=environment,
            setup=setup,
            size=SIZE,
            plugin=with_plugin,
        ) as editor,
    ):
        frames = Frames(*SIZE)
        frames.go_on_from(editor.rpc.screen)
        editor.rpc.screen = frames
        editor.command(f"edit {file}")
        editor.command("mode")  # draws all of the screen anew, for the one that has seen nothing
        editor.command("setlocal noautoindent indentexpr= indentkeys=")
        if with_plugin:
            editor.wait_for_server()
            until(lambda: editor.lua(READY), "the model")
        yield editor, frames


READY = """
    local client = vim.lsp.get_clients({ name = 'fimbria' })[1]
    local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
    params.context = { triggerKind = 1 }
    local answer = client:request_sync('textDocument/inlineCompletion', params, 60000, 0)
    return answer ~= nil and answer.err == nil
"""
