"""What fails harms nobody else, and a lack of memory costs slots and time, not answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from model_runtime.api import (
    FinishReason,
    OutOfMemory,
    RuntimeFailure,
)
from model_runtime.engine import Engine
from model_runtime.failures import DeviceLost
from model_runtime.loading import load_engine
from tests.runtime.engine_steps import AFTER, CODE, failing_once, out_of_memory, paused, request
from tests.runtime.running import Running, run


@pytest.fixture
def eight_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_runtime.loading.MAX_SLOTS", 8)


def test_a_receiver_that_fails_harms_only_its_own_request(tiny: Engine) -> None:
    def receive(_: object) -> None:
        raise ValueError("my loop has ended")

    tiny.submit(request(CODE), receive)
    assert run(tiny, CODE, AFTER, max_tokens=3).usage.completion_tokens > 0
    assert not any(slot.pinned for slot in tiny.stats().slots)


def test_guessing_that_fails_costs_no_answer(tiny: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(tiny, CODE, AFTER, max_tokens=8).text
    monkeypatch.setattr("model_runtime.foresight.Foresight.propose", out_of_memory)
    assert run(tiny, CODE, AFTER, max_tokens=8).text == expected


def test_a_failing_step_takes_only_the_one_to_blame(
    tiny: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = tiny._worker._model.forward
    poisoned = tiny.renderer.tokenizer.encode_continuation("poison")

    def watched(rows: Sequence[Any], *rest: Any) -> Any:
        if any(poisoned[-1] in row.ids for row in rows):
            raise ValueError("cannot compute this")
        return forward(rows, *rest)

    with paused(tiny) as held, monkeypatch.context() as patch:
        good = Running(tiny, request(CODE, heal=False))
        bad = Running(tiny, request("poison", suffix=None, heal=False))
        patch.setattr(tiny._worker._model, "forward", watched)
        held.open()
        good.wait()
        with pytest.raises(RuntimeFailure):
            bad.wait()
    assert good.text == run(tiny, CODE, AFTER, heal=False, max_tokens=12).text


def test_a_failure_while_a_candidate_begins_leaves_no_slot_behind(
    tiny: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(tiny._worker._lookahead), "foresight", out_of_memory)
        for _ in range(20):
            with pytest.raises(RuntimeFailure):
                run(tiny, CODE, AFTER)
    assert not any(slot.pinned for slot in tiny.stats().slots)
    assert run(tiny, CODE, AFTER, max_tokens=3).usage.completion_tokens > 0


@pytest.mark.usefixtures("eight_slots")
def test_more_candidates_than_the_slots_left_are_refused(tiny_folder: Path) -> None:
    """What no longer fits must not keep everybody behind it waiting."""
    engine = load_engine(tiny_folder)
    try:
        with paused(engine) as held:
            big = Running(engine, request(CODE, num_candidates=6))
            small = Running(engine, request(CODE))
            engine._worker._kv.keep(engine._worker._slots.drop(4) or [])
            held.open()
            with pytest.raises(OutOfMemory):
                big.wait()
            assert small.wait().reason is not FinishReason.ABORTED
    finally:
        engine.close()


@pytest.mark.usefixtures("eight_slots")
def test_candidates_to_come_keep_their_slots_when_memory_lacks(tiny_folder: Path) -> None:
    engine = load_engine(tiny_folder)
    try:
        expected = run(engine, CODE, AFTER, max_tokens=8, num_candidates=6).texts
        with failing_once(engine, MemoryError()):
            assert run(engine, CODE, AFTER, max_tokens=8, num_candidates=6).texts == expected
        assert len(engine.stats().slots) == 6
    finally:
        engine.close()


def test_a_lack_of_memory_makes_steps_smaller(tiny_folder: Path) -> None:
    engine = load_engine(tiny_folder)
    try:
        engine._worker._chunk = 64
        expected = run(engine, CODE, AFTER, max_tokens=8).text
        forget = engine._worker._slots
        for slot in forget._slots:
            forget.clear(slot)
        forward = engine._worker._model.forward

        def small_steps_only(rows: Sequence[Any], *rest: Any) -> Any:
            if sum(len(row.ids) for row in rows) > 40:
                raise MemoryError
            return forward(rows, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine._worker._model, "forward", small_steps_only)
            assert run(engine, CODE, AFTER, max_tokens=8).text == expected
    finally:
        engine.close()


@pytest.mark.usefixtures("eight_slots")
def test_a_lack_of_memory_costs_slots_not_the_answer(tiny_folder: Path) -> None:
    engine = load_engine(tiny_folder)
    try:
        expected = run(engine, CODE, AFTER, max_tokens=8).text
        with failing_once(engine, MemoryError()):
            assert run(engine, CODE, AFTER, max_tokens=8).text == expected
        stats = engine.stats()
        assert len(stats.slots) == engine._worker._kv.num_slots == 4
        for prompt in (CODE[:40], CODE, CODE[20:]):
            run(engine, prompt, AFTER, max_tokens=4)
        assert run(engine, CODE, AFTER, max_tokens=8).text == expected
    finally:
        engine.close()


def test_a_cache_that_cannot_be_made_smaller_is_lost(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is told, and the daemon ends; the engine's thread must not die silently."""
    engine = load_engine(tiny_folder)
    try:
        monkeypatch.setattr(engine._worker._kv, "keep", out_of_memory)
        with failing_once(engine, MemoryError()), pytest.raises(DeviceLost):
            run(engine, CODE, AFTER)
        assert engine.stats().running == 0
    finally:
        engine.close()
