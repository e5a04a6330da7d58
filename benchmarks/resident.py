"""Fimbria as an editor sees it: the real language server and the real daemon."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.editor import Editor, ServerEnded
from benchmarks.measurements import Measurement
from benchmarks.traces import Step
from lsp_server.ghost_text import QUIET_S
from lsp_server.source_text import SourceText
from model_runtime.api import Priority
from model_runtime.client import DaemonRuntime, daemon_status, stop_daemon
from model_runtime.places import RUNTIME_DIR_VARIABLE, DaemonSpec

Json = dict[str, Any]

_DEADLINE_S = 60.0
# Longer than a step takes: an answer that has no record by then was given without the model.
_RECORD_DEADLINE_S = 0.1
_SERVER_WAITS_S = 2 * QUIET_S
_BETWEEN_LOOKS_S = 0.002
_WARM_UP = "import os\n\npath = os.\n"


@dataclass(slots=True)
class ResidentEngine:
    """One editor, one server, one daemon with its model loaded; an OurEngine."""

    editor: Editor
    spec: DaemonSpec
    runner: asyncio.Runner
    num_finished: int = 0
    _records: list[Json] = field(default_factory=list)

    def skip(self, step: Step) -> None:
        self.editor.change(step)

    def change(self, step: Step) -> None:
        self.editor.change(step)

    def ask(self, step: Step) -> Measurement:
        """Type a character and take the answer.

        The language server answers once, with the whole text, so the editor cannot see the first
        token. Its time is the answer's time less what the engine spent on the tokens after the
        first, which contains the way back of the whole answer. The server answers as soon as what
        it shows is settled, while the engine may be at one more token: hence the lower bound.
        """
        self._look()
        self._records.clear()
        answer_ms = self.editor.type(step, step.end)
        return measurement(self._answer_records(), answer_ms)

    def rest(self, pause_s: float) -> None:
        deadline = time.monotonic() + pause_s
        # The server itself waits a moment for whether something is asked.
        time.sleep(min(pause_s, _SERVER_WAITS_S))
        while not _is_idle(self._look()) and time.monotonic() < deadline:
            time.sleep(_BETWEEN_LOOKS_S)

    def settle(self) -> int:
        self.rest(_DEADLINE_S)
        engine = self._look()
        if not _is_idle(engine):
            raise ServerEnded("the daemon does not come to rest")
        computed: int = (
            engine["prompt_tokens"] - engine["cached_tokens"] + engine["completion_tokens"]
        )
        return computed

    def warm_up(self, folder: Path) -> None:
        """Have everything imported and allocated before the first keystroke counts."""
        self.editor.open(folder / "warm_up.py", _WARM_UP)
        self.editor.ask(SourceText.of(_WARM_UP), len(_WARM_UP) - 1)
        self.settle()

    def _answer_records(self) -> list[Json]:
        """What the daemon says about the requests behind an answer; it tells no text."""
        deadline = time.monotonic() + _RECORD_DEADLINE_S
        while True:
            is_idle = _is_idle(self._look())
            found = [record for record in self._records if _is_answer(record)]
            if found or is_idle or time.monotonic() > deadline:
                return found[-1:]
            time.sleep(_BETWEEN_LOOKS_S)

    def _look(self) -> Json:
        """Take the engine's figures, and the records of what has finished since the last look."""
        status = self.runner.run(daemon_status(self.spec)) or {}
        engine: Json | None = status.get("engine")
        if engine is None:
            raise ServerEnded("the daemon has ended")
        num_finished = engine["requests"] - engine["queued"] - engine["running"]
        num_new = num_finished - self.num_finished
        self.num_finished = num_finished
        if num_new > 0:
            self._records += engine["recent"][-num_new:]
        return engine


def measurement(records: Sequence[Json], answer_ms: float) -> Measurement:
    """Of a keystroke and the daemon's record of it, if the model was asked."""
    if not records:
        return Measurement(0, 0, 0, answer_ms, answer_ms)
    usage, timings = records[-1]["usage"], records[-1]["timings"]
    first_ms = timings["queue_ms"] + timings["prefill_ms"]
    return Measurement(
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=usage["cached_tokens"],
        completion_tokens=usage["completion_tokens"],
        ttft_ms=max(answer_ms - timings["decode_ms"], first_ms),
        answer_ms=answer_ms,
        draft_tokens=usage.get("draft_tokens", 0),
        accepted_tokens=usage.get("accepted_tokens", 0),
    )


def _is_answer(record: Json) -> bool:
    """Whether somebody waited for it: warm-ups and guesses are idle work."""
    return bool(record.get("priority") != Priority.IDLE)


def _is_idle(engine: Json) -> bool:
    return not engine["running"] and not engine["queued"]


@contextmanager
def resident_engine(folder: Path, max_tokens: int, num_threads: int) -> Iterator[ResidentEngine]:
    """Start a daemon and a server of their own, apart from those that the user may have running."""
    with private_place(num_threads) as place, ExitStack() as stack:
        spec = cpu_daemon(folder)
        stack.callback(lambda: asyncio.run(stop_daemon(spec)))
        asyncio.run(_load(spec))
        flags = [
            f"--model={folder}",
            "--device=cpu",
            "--dtype=float32",
            f"--max-tokens={max_tokens}",
            f"--log-file={place / 'server.log'}",
        ]
        log = stack.enter_context((place / "server.err").open("wb"))
        editor = stack.enter_context(Editor(flags, os.environ, log))
        engine = ResidentEngine(editor, spec, stack.enter_context(asyncio.Runner()))
        engine.warm_up(place)
        yield engine


def cpu_daemon(folder: Path) -> DaemonSpec:
    """The daemon that is measured."""
    return DaemonSpec(str(folder), device="cpu", dtype="float32")


@contextmanager
def private_place(num_threads: int) -> Iterator[Path]:
    """Have daemons started meanwhile live in a new folder, and use so many threads."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="fimbria-"))
        stack.enter_context(_environment({RUNTIME_DIR_VARIABLE: place}))
        stack.enter_context(_environment({"OMP_NUM_THREADS": str(num_threads)}))
        yield Path(place)


async def _load(spec: DaemonSpec) -> None:
    runtime = DaemonRuntime(spec)
    try:
        await runtime.info()
    finally:
        await runtime.close()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
