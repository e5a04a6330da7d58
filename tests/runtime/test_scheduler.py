"""Who is next: newest wins, completions before chats before idle work."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from model_runtime.api import CompletionRequest, Priority
from model_runtime.scheduler import Scheduler
from model_runtime.sequence import Sequence, supersedes

COMPLETION, CHAT, IDLE = Priority.COMPLETION, Priority.CHAT, Priority.IDLE


@pytest.fixture
def clock() -> Iterator[float]:
    return map(float, count())


def sequence(clock: Iterator[float], priority: Priority = COMPLETION, **more: Any) -> Sequence:
    request = CompletionRequest(prompt="", priority=priority, **more)
    return Sequence(request, lambda _: None, next(clock))


def decoding(clock: Iterator[float], priority: Priority = COMPLETION) -> Sequence:
    running = sequence(clock, priority)
    running.prefilling = False
    return running


@pytest.mark.parametrize(
    ("newer", "older", "expected"),
    [
        ((COMPLETION, "a"), (COMPLETION, "a"), True),
        ((COMPLETION, "a"), (COMPLETION, "b"), False),
        ((COMPLETION, None), (COMPLETION, None), False),
        ((COMPLETION, "a"), (IDLE, "b"), True),
        ((CHAT, None), (IDLE, None), True),
        ((IDLE, "a"), (COMPLETION, "a"), False),
        ((IDLE, "a"), (IDLE, "a"), True),
        ((IDLE, "a"), (IDLE, "b"), False),
    ],
)
def test_what_a_newer_request_makes_worthless(
    clock: Iterator[float], newer: tuple[Any, Any], older: tuple[Any, Any], expected: bool
) -> None:
    earlier = sequence(clock, older[0], document=older[1])
    later = sequence(clock, newer[0], document=newer[1])
    assert supersedes(later, earlier) is expected


def test_slots_go_to_completions_first_then_in_order(clock: Iterator[float]) -> None:
    scheduler = Scheduler(most_rows=3)
    chat, first, second = (sequence(clock, p) for p in (CHAT, COMPLETION, COMPLETION))
    for one in (chat, first, second):
        scheduler.add(one)
    order = []
    while (one := scheduler.next_waiting()) is not None:
        scheduler.start(one)
        order.append(one)
    assert order == [first, second, chat]


def test_idle_work_waits_until_nothing_else_is_there(clock: Iterator[float]) -> None:
    scheduler = Scheduler()
    real, idle = sequence(clock), sequence(clock, IDLE)
    scheduler.add(real)
    scheduler.start(real)
    scheduler.add(idle)
    assert scheduler.next_waiting() is None
    scheduler.remove(real)
    assert scheduler.next_waiting() is idle


def test_a_step_has_all_that_decode_and_one_prefill(clock: Iterator[float]) -> None:
    one, two, chat = decoding(clock), decoding(clock), decoding(clock, CHAT)
    long_chat, longer_chat = sequence(clock, CHAT), sequence(clock, CHAT)
    plan = Scheduler(running=[chat, longer_chat, long_chat, two, one]).plan()
    assert plan.decoding == (one, two, chat)
    assert plan.prefilling is long_chat


def test_a_completions_prompt_keeps_chats_out_of_its_steps(clock: Iterator[float]) -> None:
    typing, chat, prompt = decoding(clock), decoding(clock, CHAT), sequence(clock)
    plan = Scheduler(running=[chat, prompt, typing]).plan()
    assert plan.decoding == (typing,)
    assert plan.prefilling is prompt


def test_where_company_slows_down_few_answers_are_computed_at_once(clock: Iterator[float]) -> None:
    """32 people typed on one CPU, all were served at once, and nobody got an answer in time."""
    scheduler = Scheduler(most_rows=2, running=[decoding(clock), decoding(clock)])
    scheduler.add(sequence(clock))
    assert scheduler.next_waiting() is None
    scheduler.remove(scheduler.running[0])
    assert scheduler.next_waiting() is scheduler.waiting[0]


def test_chats_do_not_keep_a_completion_waiting(clock: Iterator[float]) -> None:
    scheduler = Scheduler(most_rows=2, running=[decoding(clock, CHAT), decoding(clock, CHAT)])
    chat, completion = sequence(clock, CHAT), sequence(clock)
    scheduler.add(chat)
    assert scheduler.next_waiting() is None
    scheduler.add(completion)
    assert scheduler.next_waiting() is completion


def test_more_candidates_than_usual_are_served_alone(clock: Iterator[float]) -> None:
    scheduler = Scheduler(most_rows=2)
    scheduler.add(sequence(clock, num_candidates=5))
    assert scheduler.next_waiting() is scheduler.waiting[0]


def test_nothing_to_do(clock: Iterator[float]) -> None:
    assert Scheduler().plan().sequences() == ()
