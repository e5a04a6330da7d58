"""Fimbria's server as editors start it, which writes down what becomes of each question for ghost
text: `python -m benchmarks.ghost_server RECORD [arguments of fimbria …]`. An editor cannot tell a
reasoned nothing from one that a server says because its model cannot answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from benchmarks.ghost_keys import Kind

CHECKOUT = Path(__file__).resolve().parents[1]


def recording(record: Path) -> list[str]:
    """The command of a server that keeps such a record."""
    module = "benchmarks.ghost_server"
    return ["env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-m", module, str(record)]


def said(record: Path) -> dict[tuple[int, int], Kind]:
    """What was said last at each place, by its line and column; UNDRAWN: texts."""
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    answers = (json.loads(line) for line in lines)
    return {(line, column): Kind(kind) for line, column, kind in answers}


def main(record: Path, arguments: list[str]) -> None:
    """Be `fimbria` with these arguments."""
    from lsp_server.__main__ import main as fimbria

    if arguments[:1] == ["lsp"]:
        _overhear(record)
    sys.argv = ["fimbria", *arguments]
    fimbria()


def _overhear(record: Path) -> None:
    from lsp_server import ghost_text
    from lsp_server.features import inline_completion as feature

    record.touch()  # so that it can be seen that this server is there
    answered, suggest = feature.answered, ghost_text.suggest
    unable: ContextVar[list[bool]] = ContextVar("unable")

    async def heard_suggest(*arguments: Any, **options: Any) -> Any:
        outcome = await suggest(*arguments, **options)
        unable.get().append(outcome is None)
        return outcome

    async def heard_answered(ls: Any, params: Any, **options: Any) -> Any:
        is_unable: list[bool] = []
        unable.set(is_unable)
        kind = Kind.ERROR
        try:
            answer = await answered(ls, params, **options)
            kind = _kind(answer, is_unable=any(is_unable))
            return answer
        except asyncio.CancelledError:
            kind = Kind.NULL
            raise
        finally:
            place = params.position
            with record.open("a", encoding="utf-8") as file:
                file.write(json.dumps([place.line, place.character, kind]) + "\n")

    feature.answered = heard_answered
    feature.suggest = heard_suggest  # type: ignore[attr-defined]


def _kind(answer: Any, *, is_unable: bool) -> Kind:
    """What an answer of `textDocument/inlineCompletion` is."""
    if answer is None:
        return Kind.NULL
    if answer.items:
        return Kind.UNDRAWN
    return Kind.ERROR if is_unable else Kind.NOTHING


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
