"""Servers that typists share, and what is reported about them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load import chosen, numbers
from benchmarks.load_report import figures, load_markdown, load_stem
from benchmarks.load_servers import (
    BatchingServer,
    DaemonServer,
    PeerFailed,
    QueueServer,
)
from benchmarks.measurements import Measurement
from benchmarks.plots import write_load_plot
from benchmarks.questions import Asker, open_asker
from benchmarks.traces import Patch, Step, Trace, replay
from benchmarks.typists import Answer, Outcomes
from model_runtime.api import Chunk, CompletionRequest, Finished, FinishReason, Timings, Usage
from tests.benchmarks.test_keystrokes import PROJECT, write_trace

STEP: Step = next(replay(Trace("test", "x = \n", "x = 1\n", ((Patch(4, 0, "1"),),))))
WAIT_S = 30


@pytest.fixture(scope="module")
def asker(starter_folder: Path) -> Asker:
    return open_asker(starter_folder)


@dataclass
class FakeRuntime:
    requests: list[CompletionRequest] = field(default_factory=list)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[object, None]:
        self.requests.append(request)
        yield Chunk("1")
        yield Finished(FinishReason.STOP, Usage(20, 18, 3), Timings(0, 1, 2))

    async def complete(self, request: CompletionRequest) -> None:
        self.requests.append(request)


def test_the_daemon_gets_a_key_for_each_typists_document(asker: Asker) -> None:
    fake: Any = FakeRuntime()
    server = DaemonServer(fake, asker)

    async def ask() -> Answer:
        await server.prepare(3, STEP)
        return await server.answer(3, STEP)

    answer = asyncio.run(ask())
    warm_up, completion = fake.requests
    assert (warm_up.document, completion.document) == ("typist-3", "typist-3")
    assert (warm_up.max_tokens, completion.stop) == (0, ())
    assert (answer.prompt_tokens, answer.cached_tokens, answer.completion_tokens) == (20, 18, 3)
    assert 0 < answer.ttft_ms <= answer.answer_ms


@dataclass
class Output:
    generated_tokens: list[int]
    error: str | None = None
    finished: bool = False

    def is_finished(self) -> bool:
        return self.finished


@dataclass
class FakeManager:
    """Hands out its outputs as soon as something is asked."""

    outputs: Sequence[Output]
    cancelled: list[str] = field(default_factory=list)
    handlers: dict[str, Callable[[Output], object]] = field(default_factory=dict)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    end_ids: Sequence[int] = ()

    def register_result_handler(self, name: str, handler: Callable[[Output], object]) -> None:
        self.handlers[name] = handler

    def add_request(self, ids: list[int], name: str, **options: Any) -> None:
        assert ids
        self.end_ids = options["eos_token_id"]
        for output in self.outputs:
            self.handlers[name](output)
        self.asked.set()

    def cancel_request(self, name: str) -> None:
        self.cancelled.append(name)


def test_a_batched_answer_ends_with_its_last_token(asker: Asker) -> None:
    manager = FakeManager([Output([5]), Output([5, 6], finished=True)])
    server = BatchingServer(manager, asker)
    answer = asyncio.run(server.answer(0, STEP))
    fim = asker.renderer.fim
    assert fim is not None
    assert set(manager.end_ids) == {*asker.renderer.eos_ids, fim.end}
    assert (answer.completion_tokens, answer.cached_tokens) == (2, None)
    assert answer.prompt_tokens > 0
    assert asyncio.run(server.prepare(0, STEP)) is None


def test_a_batched_answer_can_be_cancelled(asker: Asker) -> None:
    manager = FakeManager([Output([5])])
    server = BatchingServer(manager, asker)

    async def cancel() -> None:
        task = asyncio.create_task(server.answer(0, STEP))
        await manager.asked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel())
    assert manager.cancelled == list(manager.handlers)


def test_why_batching_fails_is_told(asker: Asker) -> None:
    server = BatchingServer(FakeManager([Output([], error="no kernel", finished=True)]), asker)
    with pytest.raises(PeerFailed, match="no kernel"):
        asyncio.run(server.answer(0, STEP))


class SlowPeer:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.last_ids: list[int] = []
        self.go = threading.Event()
        self.started = threading.Semaphore(0)
        self.num_asked = 0

    def answer(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        self.num_asked += 1
        self.started.release()
        assert self.go.wait(WAIT_S)
        return Measurement(len(prompt_ids), 1, num_tokens, 1.0, 5.0)


def test_what_waits_in_the_queue_can_be_dropped(asker: Asker) -> None:
    peer = SlowPeer()

    async def ask(thread: ThreadPoolExecutor) -> Answer:
        server = QueueServer(peer, asker, thread)
        first = asyncio.create_task(server.answer(0, STEP))
        second = asyncio.create_task(server.answer(1, STEP))
        assert await asyncio.to_thread(peer.started.acquire, timeout=WAIT_S)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        peer.go.set()
        return await first

    with ThreadPoolExecutor(1) as thread:
        answer = asyncio.run(ask(thread))
    assert peer.num_asked == 1
    assert answer.cached_tokens == 1
    assert answer.ttft_ms == pytest.approx(answer.answer_ms - 4)


def point(engine: str, num_typists: int, num_answers: int) -> dict[str, Any]:
    cached = 8 if engine == "fimbria" else None
    answers = [Answer(1.0, 10.0, 10, cached, 5)] * num_answers
    return figures(engine, num_typists, Outcomes(answers, num_aborted=2), seconds=4)


def test_a_point_sums_up_what_was_answered() -> None:
    found = point("fimbria", 2, 8)
    assert (found["keys"], found["answered"], found["aborted"]) == (10, 8, 2)
    assert (found["answers_per_s"], found["tokens_per_s"]) == (2, 10)
    assert found["reused_share"] == 0.8
    assert found["answer_ms"]["p95"] == 10
    assert point("continuous-batching", 2, 8)["reused_share"] is None
    assert point("fimbria", 2, 0)["answer_ms"] == {}


CONFIG: dict[str, Any] = {
    "trace": "typing",
    "seconds": 30,
    "speed": 2.0,
    "patient": False,
    "longest_pause_s": 2.0,
    "max_tokens": 24,
    "model": "starter",
    "dtype": "float32",
    "device": "cpu",
    "threads": 1,
    "date": "2026-01-02",
    "cpu": "Abacus",
    "cores": 2,
    "memory_gib": 3,
    "system": "Linux x86_64",
    "load_before": 0.1,
    "versions": {"python": "3.11.0"},
}


def test_the_page_says_who_failed_and_why() -> None:
    points = [point("fimbria", 1, 8), point("generate-cached", 1, 0)]
    page = load_markdown({"config": CONFIG, "points": points, "failures": {"vllm": "no GPU"}})
    assert "typing, 2 × the recorded speed, 30 s each, up to 24 tokens" in page
    assert "| fimbria | 1 | 10 | 80% | 2 | 2.0 | 10 | 80.0% | 1 / 1 / 1 | 10 / 10 / 10 |" in page
    assert "| generate-cached | 1 | 2 | 0% | 2 | 0.0 | 0 | not told | – | – |" in page
    assert "- vllm did not run: no GPU" in page
    assert "whether the engine keeps up or not" in page


def test_the_patient_get_a_page_of_their_own() -> None:
    patient = {**CONFIG, "patient": True, "model": "random:25m"}
    page = load_markdown({"config": patient, "points": [], "failures": {}})
    assert "typing, patient, 30 s each" in page
    assert "at most" in page
    assert load_stem(patient) == "2026-01-02-load-typing-random-25m-patient"


def test_load_is_drawn_where_matplotlib_is_there(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = [point("fimbria", 1, 8), point("fimbria", 2, 8), point("generate-cached", 1, 0)]
    file = write_load_plot(points, "Typists", tmp_path / "stem")
    assert file is not None
    assert "share of keys answered" in file.read_text(encoding="utf-8")


def test_engines_and_numbers_are_checked() -> None:
    assert chosen("fimbria, generate-cached") == ["fimbria", "generate-cached"]
    assert numbers("1, 2,32") == [1, 2, 32]
    for names in ("", "vllm"):
        with pytest.raises(ValueError, match="--engines takes"):
            chosen(names)
    for text in ("", "0", "1,x", "1,,2"):
        with pytest.raises(ValueError, match="--typists takes"):
            numbers(text)


def test_typists_share_the_real_daemon(tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "typing.json")
    command = [sys.executable, str(PROJECT / "benchmarks" / "load.py"), "--trace", str(trace)]
    options = ["--engines", "fimbria", "--typists", "1,2", "--patient", "--results", str(tmp_path)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("*-load-typing-patient.json")
    points = json.loads(file.read_text(encoding="utf-8"))["points"]
    assert [(p["typists"], p["keys"], p["answered"]) for p in points] == [(1, 9, 9), (2, 14, 14)]
