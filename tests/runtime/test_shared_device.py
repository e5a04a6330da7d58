"""An engine stays as it is when another model is loaded beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model_runtime.api import CompletionRequest
from model_runtime.device_turns import DeviceTurns
from model_runtime.load_options import LoadOptions
from model_runtime.loading import load_engine
from tests.runtime.running import run

WAIT_S = 30


def test_an_engine_keeps_the_threads_that_suit_its_model(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    engine = load_engine(tiny_folder)
    own = torch.get_num_threads()
    seen: list[int] = []
    compute = engine._worker.step
    monkeypatch.setattr(
        engine._worker, "step", lambda plan: seen.append(torch.get_num_threads()) or compute(plan)
    )
    try:
        torch.set_num_threads(own + 1)  # as loading a larger model does
        run(engine, "def f():", max_tokens=2)
    finally:
        engine.close()
        torch.set_num_threads(before)
    assert set(seen) == {own}


def test_memory_kept_for_another_model_is_not_taken_by_the_cache(tiny_folder: Path) -> None:
    def cache_of(options: LoadOptions) -> int:
        engine = load_engine(tiny_folder, options)
        engine.close()
        return engine.stats().kv_bytes_total

    plain, modest = (
        LoadOptions(kv_memory="100%"),
        LoadOptions(kv_memory="100%", reserved_bytes=2**60),
    )
    assert cache_of(modest) < cache_of(plain)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_whose_thread_dies_keeps_nobody_waiting(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = DeviceTurns()
    dying = load_engine(tiny_folder, turns=turns)

    def die() -> None:
        raise MemoryError

    monkeypatch.setattr(dying, "_admit", die)
    dying.submit(CompletionRequest(prompt="def f():", max_tokens=2), lambda _: None)
    dying._thread.join(WAIT_S)
    assert turns._places == []
    other = load_engine(tiny_folder, turns=turns)
    try:
        assert run(other, "def f():", max_tokens=2).usage.completion_tokens > 0
    finally:
        other.close()
