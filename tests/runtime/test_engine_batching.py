"""Several requests at once, drafts, candidates and warm-ups: what comes out never depends
on what else the engine does.
"""

from __future__ import annotations

import gc
import random
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_runtime.api import (
    FinishReason,
    InvalidRequest,
    Layout,
    Priority,
    SamplingParams,
)
from model_runtime.engine import Engine
from model_runtime.loading import load_engine
from tests.runtime.engine_steps import AFTER, CODE, paused, request
from tests.runtime.running import Running, run


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


def test_candidates_of_a_healed_word_all_begin_with_it(starter: Engine) -> None:
    done = run(starter, "x = zqxj", "", max_tokens=8, num_candidates=6)
    assert all(candidate.mean_logprob > -50 for candidate in done.candidates)


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


def test_held_back_text_counts_where_confidence_drops(starter: Engine) -> None:
    plain = run(starter, CODE, AFTER, max_tokens=24)
    held = run(starter, CODE, AFTER, max_tokens=24, stop=("e\0", "n\0", "(\0"))
    assert held.text == plain.text
    assert held.candidates[0].first_drop == plain.candidates[0].first_drop


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
