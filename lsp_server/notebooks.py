"""Which cells a notebook has, in which order; their texts are documents like others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `is_code` tells it from prose."""

    uri: str
    is_code: bool


class NotebookStore:
    """What notebooks the editor has open, by URI."""

    def __init__(self) -> None:
        self._cells: dict[str, list[Cell]] = {}
        self._notebook_of: dict[str, str] = {}

    def open(self, uri: str, cells: Iterable[Cell]) -> None:
        self.close(uri)
        self._cells[uri] = list(cells)
        self._index(uri)

    def splice(self, uri: str, start: int, num_deleted: int, cells: Iterable[Cell]) -> None:
        """Put cells in the place of others; a notebook that is not open stays so."""
        if uri not in self._cells:
            return
        for cell in self._cells[uri][start : start + num_deleted]:
            self._notebook_of.pop(cell.uri, None)
        self._cells[uri][start : start + num_deleted] = cells
        self._index(uri)

    def close(self, uri: str) -> None:
        for cell in self._cells.pop(uri, []):
            self._notebook_of.pop(cell.uri, None)

    def code_before(self, cell_uri: str) -> tuple[str, ...]:
        """URIs of the code cells above a cell; none if it is no cell."""
        above = []
        for cell in self._cells.get(self._notebook_of.get(cell_uri, ""), []):
            if cell.uri == cell_uri:
                break
            if cell.is_code:
                above.append(cell.uri)
        return tuple(above)

    def _index(self, uri: str) -> None:
        self._notebook_of |= {cell.uri: uri for cell in self._cells[uri]}
