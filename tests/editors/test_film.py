"""The README's film, from frames that were never filmed."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests.editors.film import Frame, film
from tests.editors.neovim_screen import Cell

SVG = "{http://www.w3.org/2000/svg}"


def frame(*rows: str, seconds: float = 1.0) -> Frame:
    cells = tuple(tuple(Cell(char, {}) for char in row.ljust(8)) for row in rows)
    return Frame(cells, (0, len(rows[0])), seconds)


def test_each_row_is_drawn_once_and_each_frame_shows_its_rows() -> None:
    drawn = film([frame("a <b>", "same"), frame("ab", "same", "")])
    tree = ElementTree.fromstring(drawn)
    rows = {row.get("id"): "".join(row.itertext()) for row in tree.iter(f"{SVG}g")}
    layers = [layer for layer in tree.iter(f"{SVG}g") if (layer.get("class") or "").startswith("f")]
    shown = [
        [rows[(use.get("href") or "")[1:]] for use in layer.iter(f"{SVG}use")] for layer in layers
    ]
    assert shown == [["a <b>", "same"], ["ab", "same"]]
    assert drawn.count(">same<") == 1


def test_the_frames_follow_each_other_without_gaps() -> None:
    drawn = film([frame("a", seconds=1), frame("b", seconds=2), frame("c", seconds=1)])
    visible = re.findall(r"([\d.]+)%\{visibility:visible\}([\d.]+)%\{visibility:hidden\}", drawn)
    assert [tuple(map(float, each)) for each in visible] == [(0, 25), (25, 75), (75, 100)]
    assert "animation-duration:4.00s" in drawn
