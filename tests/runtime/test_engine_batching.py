"""Several requests at once, drafts, candidates, warm-ups and failures: what comes out never depends
on what else the engine does.
"""

from __future__ import annotations

import gc
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_runtime.api import (
    CompletionRequest,
    FinishReason,
    InvalidRequest,
    Layout,
    OutOfMemory,
    Priority,
    RuntimeFailure,
    SamplingParams,
)
from model_runtime.engine import Engine
from model_runtime.failures import DeviceLost
from model_runtime.loading import load_engine
from tests.runtime.running import WAIT_S, Running, run

CODE = """import os


def area(width, height):
    return width * height


def volume(width, height, depth):
    return area(width, height) * depth


def surface(width, height, depth):
    retu"""
AFTER = "\n\n\nprint(volume(1, 2, 3))\n"


def request(prompt: str, **options: Any) -> CompletionRequest:
    return CompletionRequest(**({"prompt": prompt, "suffix": AFTER, "max_tokens": 12} | options))


@contextmanager
def paused(engine: Engine) -> Iterator[list[Sequence[Any]]]:
    """Hold the engine before its next step; inside, requests pile up. Yields the steps' rows."""
    worker, opened = engine._worker, threading.Event()
    forward, steps = worker._model.forward, list[Sequence[Any]]()

    def watched(rows: Sequence[Any], *rest: Any) -> Any:
        opened.wait(WAIT_S)
        steps.append(rows)
        return forward(rows, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker._model, "forward", watched)
        blocker = Running(engine, request("x = ", max_tokens=1, heal=False))
        yield _Opened(steps, opened)
        opened.set()
        blocker.wait()


class _Opened(list[Any]):
    def __init__(self, steps: list[Any], opened: threading.Event) -> None:
        self.steps = steps
        self.open = opened.set


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    asks=st.lists(
        st.tuples(
            st.integers(1, len(CODE)),
            st.integers(0, len(AFTER)),
            st.sampled_from([Layout.SPM, Layout.PSM]),
            st.booleans(),
            st.sampled_from(["", "return area", "def surface(width", "zzz"]),
        ),
        min_size=2,
        max_size=5,
    )
)
def test_neither_company_nor_drafts_change_an_answer(
    tiny: Engine, starter: Engine, asks: list[tuple[int, int, Layout, bool, str]]
) -> None:
    """Everything asked at once and with guesses, against one by one and without."""
    for engine in (tiny, starter):
        engine._scheduler.most_rows = 8
        requests = [
            request(CODE[:end], suffix=AFTER[start:], layout=layout, heal=heal, drafts=(guess,))
            for end, start, layout, heal, guess in asks
        ]
        together = [Running(engine, one) for one in requests]
        for running in together:
            running.wait()
        for running, (end, start, layout, heal, _) in zip(together, asks, strict=True):
            plain = {"suffix": AFTER[start:], "layout": layout, "heal": heal, "speculate": False}
            assert running.text == run(engine, CODE[:end], max_tokens=12, **plain).text


def test_requests_decode_together(starter: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter._scheduler, "most_rows", 8)
    with paused(starter) as held:
        runs = [Running(starter, request(f"number_{i} = ", speculate=False)) for i in range(3)]
        held.open()
        for running in runs:
            running.wait()
    assert max(len(rows) for rows in held.steps) >= 3


def test_what_remains_of_the_last_answer_is_checked_in_one_step(tiny: Engine) -> None:
    """Typing what was suggested: the rest needs a step or two, not one per token."""
    first = run(tiny, CODE, AFTER, max_tokens=24, heal=False)
    again = run(tiny, CODE, AFTER, max_tokens=24, heal=False)
    assert again.text == first.text
    assert again.usage.accepted_tokens >= 20


def test_a_given_draft_is_accepted_where_it_is_right(starter: Engine) -> None:
    ask: dict[str, Any] = {"suffix": AFTER, "max_tokens": 16, "layout": Layout.PSM}
    answer = run(starter, CODE, speculate=False, **ask)
    run(starter, "something = else_entirely(", AFTER, max_tokens=1)
    drafted = run(starter, CODE, drafts=(answer.text,), **ask)
    assert drafted.text == answer.text
    assert drafted.usage.accepted_tokens > answer.usage.accepted_tokens == 0


def test_no_draft_reaches_behind_the_end_of_the_answer(starter: Engine) -> None:
    ask: dict[str, Any] = {"suffix": AFTER, "max_tokens": 24, "stop": ("\n",)}
    line = run(starter, CODE + "rn ", speculate=False, **ask)
    guess = line.text + "\n    and = more\n    of = it\n"
    drafted = run(starter, CODE + "rn ", drafts=(guess,), **ask)
    assert drafted.text == line.text
    assert drafted.usage.draft_tokens <= line.usage.completion_tokens


@pytest.mark.parametrize("seed", range(3))
def test_drafts_do_not_change_a_sample(starter: Engine, seed: int) -> None:
    params = SamplingParams(temperature=0.8, top_p=0.9, seed=seed)
    plain = run(starter, CODE, AFTER, max_tokens=16, sampling=params, speculate=False)
    drafted = run(starter, CODE, AFTER, max_tokens=16, sampling=params, drafts=(plain.text,))
    assert drafted.text == plain.text
    assert drafted.usage.draft_tokens > 0


def test_a_warm_up_computes_the_prompt_and_nothing_else(starter: Engine) -> None:
    prompt = "class Warm:\n    def up(self, degrees):\n        self.tempera"
    warm = run(starter, prompt, AFTER, max_tokens=0, priority=Priority.IDLE)
    assert (warm.text, warm.usage.completion_tokens) == ("", 0)
    assert warm.usage.computed_tokens > 5
    assert run(starter, prompt, AFTER, max_tokens=64).usage.computed_tokens == 1


def test_a_warm_up_has_the_window_of_the_request_that_it_prepares(tiny: Engine) -> None:
    long = "".join(f"value_{i} = compute({i})\n" for i in range(300))
    run(tiny, long, AFTER, max_tokens=0, priority=Priority.IDLE)
    assert run(tiny, long, AFTER, max_tokens=24).usage.computed_tokens == 1


def test_idle_work_gives_way(starter: Engine) -> None:
    with paused(starter) as held:
        idle = Running(starter, request(CODE, priority=Priority.IDLE, max_tokens=400))
        real = Running(starter, request("a = "))
        held.open()
        assert real.wait().reason is not FinishReason.ABORTED
        assert idle.wait().reason is FinishReason.ABORTED


def test_an_idle_request_does_not_supersede_its_document(starter: Engine) -> None:
    with paused(starter) as held:
        real = Running(starter, request(CODE, document="a.py"))
        idle = Running(starter, request(CODE, document="a.py", priority=Priority.IDLE))
        held.open()
        assert real.wait().reason is not FinishReason.ABORTED
        assert idle.wait().reason is not FinishReason.ABORTED


def test_a_completion_is_not_slowed_by_a_chat(starter: Engine) -> None:
    """While its prompt is computed, nothing of lower priority is in the step."""
    chat = Running(starter, request("a = ", priority=Priority.CHAT, max_tokens=300))
    assert chat.next_chunk()
    with paused(starter) as held:
        fresh = "".join(f"fresh_{i} = {i}\n" for i in range(99))
        completion = Running(starter, request(fresh, heal=False))
        held.open()
        completion.wait()
    chat.abort()
    chat.wait()
    prefills = [rows for rows in held.steps if any(row.num_logits == 0 for row in rows)]
    assert prefills
    assert all(len(rows) == 1 for rows in prefills)


def test_candidates_differ_and_share_their_prompt(starter: Engine) -> None:
    before = starter.stats()
    done = run(starter, CODE + "rn ", AFTER, num_candidates=3, stop=("\n",))
    after = starter.stats()
    assert len(set(done.texts)) == 3
    assert done.texts[0] == run(starter, CODE + "rn ", AFTER, stop=("\n",)).text
    assert [candidate.mean_logprob < 0 for candidate in done.candidates] == [True] * 3
    assert after.prompt_tokens - before.prompt_tokens == done.usage.prompt_tokens


def test_sampled_candidates_differ(starter: Engine) -> None:
    params = SamplingParams(temperature=1.0, seed=5)
    done = run(starter, CODE, AFTER, num_candidates=4, sampling=params)
    assert len(set(done.texts)) > 1
    assert done.texts == run(starter, CODE, AFTER, num_candidates=4, sampling=params).texts


def test_more_candidates_than_slots_are_refused(tiny: Engine) -> None:
    with pytest.raises(InvalidRequest, match="candidates"):
        run(tiny, CODE, num_candidates=100)


def test_more_requests_than_slots_wait_their_turn(tiny: Engine) -> None:
    runs = [Running(tiny, request(f"x{i} = ", num_candidates=3)) for i in range(8)]
    assert all(running.wait().reason is not FinishReason.ABORTED for running in runs)


def test_log_probabilities_are_those_of_the_model(starter: Engine) -> None:
    """Each chunk tells of its tokens; the end tells their mean and where it first drops."""
    running = Running(starter, request(CODE + "rn ", heal=False))
    told: list[float] = []
    while (chunk := running.next_chunk()) is not None:
        told.extend(chunk.logprobs)
    (candidate,) = running.finished.candidates
    assert len(told) == running.finished.usage.completion_tokens
    assert candidate.mean_logprob == pytest.approx(sum(told) / len(told))
    unlikely = starter._worker._vocabulary.unlikely
    assert (candidate.first_drop is None) == all(logprob >= unlikely for logprob in told)


@pytest.fixture
def eight_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_runtime.loading.MAX_SLOTS", 8)


def test_candidates_of_a_healed_word_all_begin_with_it(starter: Engine) -> None:
    done = run(starter, "x = zqxj", "", max_tokens=8, num_candidates=6)
    assert all(candidate.mean_logprob > -50 for candidate in done.candidates)


def test_a_receiver_that_fails_harms_only_its_own_request(tiny: Engine) -> None:
    def receive(_: object) -> None:
        raise ValueError("my loop has ended")

    tiny.submit(request(CODE), receive)
    assert run(tiny, CODE, AFTER, max_tokens=3).usage.completion_tokens > 0
    assert not any(slot.pinned for slot in tiny.stats().slots)


def test_a_completion_does_not_wait_for_a_chats_end(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With few slots there is always one for somebody who types."""
    monkeypatch.setattr("model_runtime.loading.MAX_SLOTS", 2)
    engine = load_engine(tiny_folder)
    try:
        ask: dict[str, Any] = {"priority": Priority.CHAT, "max_tokens": 150, "suffix": None}
        with paused(engine) as held:
            chats = [Running(engine, request(f"{i} = ", **ask)) for i in range(2)]
            typed = Running(engine, request("x", suffix=None, max_tokens=2))
            held.open()
            typed.wait()
        assert engine.stats().running + engine.stats().queued >= 1
        for chat in chats:
            chat.abort()
            chat.wait()
    finally:
        engine.close()


def test_guessing_that_fails_costs_no_answer(tiny: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(tiny, CODE, AFTER, max_tokens=8).text
    monkeypatch.setattr("model_runtime.foresight.Foresight.propose", _out_of_memory)
    assert run(tiny, CODE, AFTER, max_tokens=8).text == expected


def test_held_back_text_counts_where_confidence_drops(starter: Engine) -> None:
    plain = run(starter, CODE, AFTER, max_tokens=24)
    held = run(starter, CODE, AFTER, max_tokens=24, stop=("e\0", "n\0", "(\0"))
    assert held.text == plain.text
    assert held.candidates[0].first_drop == plain.candidates[0].first_drop


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


def test_a_cache_that_cannot_be_made_smaller_is_lost(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is told, and the daemon ends; the engine's thread must not die silently."""
    engine = load_engine(tiny_folder)
    try:
        monkeypatch.setattr(engine._worker._kv, "keep", _out_of_memory)
        with failing_once(engine, MemoryError()), pytest.raises(DeviceLost):
            run(engine, CODE, AFTER)
        assert engine.stats().running == 0
    finally:
        engine.close()


def test_a_failure_while_a_candidate_begins_leaves_no_slot_behind(
    tiny: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(tiny._worker._lookahead), "foresight", _out_of_memory)
        for _ in range(20):
            with pytest.raises(RuntimeFailure):
                run(tiny, CODE, AFTER)
    assert not any(slot.pinned for slot in tiny.stats().slots)
    assert run(tiny, CODE, AFTER, max_tokens=3).usage.completion_tokens > 0


def _out_of_memory(*_: object) -> None:
    raise MemoryError


@contextmanager
def failing_once(engine: Engine, error: Exception) -> Iterator[None]:
    model = engine._worker._model
    forward, errors = model.forward, [error]

    def watched(*args: Any) -> Any:
        if errors:
            raise errors.pop()
        return forward(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "forward", watched)
        yield
    assert not errors


def test_a_thousand_cancelled_requests_leave_nothing(tiny: Engine) -> None:
    chance = random.Random(0)
    run(tiny, CODE, AFTER, max_tokens=2)
    threads = threading.active_count()
    running: list[Running] = []
    for number in range(1000):
        running.append(
            Running(
                tiny,
                request(
                    CODE[: chance.randrange(1, len(CODE))],
                    document=chance.choice([None, "a.py", "b.py"]),
                    priority=chance.choice(list(Priority)),
                    num_candidates=chance.choice([1, 1, 1, 2]),
                ),
            )
        )
        if number % 3 == 0:
            chance.choice(running).abort()
        if len(running) > 12:
            running.pop(chance.randrange(len(running))).abort()
    memory = psutil.Process().memory_info().rss
    for left in running:
        left.abort()
        left.wait()
    stats = tiny.stats()
    assert (stats.queued, stats.running) == (0, 0)
    assert not any(slot.pinned for slot in stats.slots)
    assert threading.active_count() == threads
    gc.collect()
    assert psutil.Process().memory_info().rss - memory < 64 * 2**20
    assert run(tiny, CODE, AFTER, max_tokens=2).usage.completion_tokens > 0
