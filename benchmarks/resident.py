"""Fimbria as an editor sees it: the real language server and the real daemon."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.editor import Editor, ServerEnded
from benchmarks.measurements import Measurement
from benchmarks.traces import Step
from lsp_server.source_text import SourceText
from model_runtime.client import DaemonRuntime, daemon_status, stop_daemon
from model_runtime.places import RUNTIME_DIR_VARIABLE, DaemonSpec

_IDLE_DEADLINE_S = 60.0
_WARM_UP = "import os\n\npath = os.\n"


@dataclass(slots=True)
class ResidentEngine:
    """One editor, one server, one daemon with its model loaded."""

    editor: Editor
    spec: DaemonSpec
    num_requests: int = 0

    def measure(self, step: Step, cursor: int) -> Measurement:
        """Type a character and take the answer.

        The language server answers once, with the whole text, so the editor cannot see the first
        token. Its time is the answer's time less what the engine spent on the tokens after the
        first, which contains the way back of the whole answer. The server answers as soon as what
        it shows is settled, while the engine may be at one more token: hence the lower bound.
        """
        answer_ms = self.editor.type(step, cursor)
        records = self._new_records()
        decode_ms = sum(record["timings"]["decode_ms"] for record in records)
        first_ms = sum(
            record["timings"]["queue_ms"] + record["timings"]["prefill_ms"] for record in records
        )
        usages = [record["usage"] for record in records]
        return Measurement(
            prompt_tokens=sum(usage["prompt_tokens"] for usage in usages),
            cached_tokens=sum(usage["cached_tokens"] for usage in usages),
            completion_tokens=sum(usage["completion_tokens"] for usage in usages),
            ttft_ms=max(answer_ms - decode_ms, first_ms),
            answer_ms=answer_ms,
        )

    def _new_records(self) -> list[dict[str, Any]]:
        """What the daemon says about the requests since the last call; it tells no text."""
        engine = self._idle_engine()
        num_new = engine["requests"] - self.num_requests
        self.num_requests = engine["requests"]
        return list(engine["recent"][-num_new:]) if num_new else []

    def _idle_engine(self) -> dict[str, Any]:
        """The engine's figures once it has ended what the server has no more use for."""
        deadline = time.monotonic() + _IDLE_DEADLINE_S
        while time.monotonic() < deadline:
            status = asyncio.run(daemon_status(self.spec)) or {}
            engine: dict[str, Any] | None = status.get("engine")
            if engine is None:
                return {"requests": self.num_requests, "recent": []}
            if not engine["running"] and not engine["queued"]:
                return engine
        raise ServerEnded("the daemon does not come to rest")

    def warm_up(self, folder: Path) -> None:
        """Have everything imported and allocated before the first keystroke counts."""
        self.editor.open(folder / "warm_up.py", _WARM_UP)
        self.editor.ask(SourceText.of(_WARM_UP), len(_WARM_UP) - 1)
        self._new_records()


@contextmanager
def resident_engine(model: str, max_tokens: int, num_threads: int) -> Iterator[ResidentEngine]:
    """Start a daemon and a server of their own, apart from those that the user may have running."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fimbria-")))
        stack.enter_context(_environment({RUNTIME_DIR_VARIABLE: str(folder)}))
        stack.enter_context(_environment({"OMP_NUM_THREADS": str(num_threads)}))
        spec = DaemonSpec(model, device="cpu", dtype="float32")
        stack.callback(lambda: asyncio.run(stop_daemon(spec)))
        asyncio.run(_load(spec))
        flags = [
            f"--model={model}",
            "--device=cpu",
            "--dtype=float32",
            f"--max-tokens={max_tokens}",
        ]
        log = stack.enter_context((folder / "server.err").open("wb"))
        editor = stack.enter_context(
            Editor([*flags, f"--log-file={folder / 'server.log'}"], os.environ, log)
        )
        engine = ResidentEngine(editor, spec)
        engine.warm_up(folder)
        yield engine


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
