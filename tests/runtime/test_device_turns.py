"""Whose step is next where several engines share a device."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from model_runtime.api import Priority
from model_runtime.device_turns import DeviceTurns, Place

WAIT_S = 30
PATIENCE_S = 10.0


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Shared:
    """A device that two engines share, and what has been computed on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.turns = DeviceTurns(PATIENCE_S, self.clock)
        self.typing, self.chat = self.turns.join(), self.turns.join()
        self.steps: list[str] = []

    def waiting(self, place: Place, priority: Priority, name: str) -> threading.Thread:
        """A thread that asks for one step; returns once it waits, or has taken it."""
        thread = threading.Thread(target=self._step, args=(place, priority, name), daemon=True)
        thread.start()
        while place.asked_at is None and thread.is_alive():
            thread.join(0.001)
        return thread

    def _step(self, place: Place, priority: Priority, name: str) -> None:
        with self.turns.step(place, priority):
            self.steps.append(name)

    def look_again(self) -> None:
        """Wake up whoever waits, as time does."""
        with self.turns._changed:
            self.turns._changed.notify_all()


@pytest.fixture
def shared() -> Shared:
    return Shared()


def ended(thread: threading.Thread) -> bool:
    thread.join(WAIT_S)
    return not thread.is_alive()


def test_steps_are_computed_one_at_a_time(shared: Shared) -> None:
    with shared.turns.step(shared.chat, Priority.CHAT):
        typing = shared.waiting(shared.typing, Priority.COMPLETION, "typing")
        assert shared.steps == []
    assert ended(typing)
    assert shared.steps == ["typing"]


def test_a_chat_pauses_between_the_steps_of_a_completion(shared: Shared) -> None:
    with shared.turns.step(shared.typing, Priority.COMPLETION):
        chat = shared.waiting(shared.chat, Priority.CHAT, "chat")
    for _ in range(3):
        with shared.turns.step(shared.typing, Priority.COMPLETION):
            shared.steps.append("typing")
    assert chat.is_alive()
    shared.turns.rest(shared.typing)
    assert ended(chat)
    assert shared.steps == ["typing"] * 3 + ["chat"]


def test_idle_work_lets_a_chat_pass(shared: Shared) -> None:
    with shared.turns.step(shared.typing, Priority.IDLE):
        chat = shared.waiting(shared.chat, Priority.CHAT, "chat")
    assert ended(chat)
    with ExitStack() as stack:
        stack.enter_context(shared.turns.step(shared.chat, Priority.CHAT))
        idle = shared.waiting(shared.typing, Priority.IDLE, "idle")
    assert idle.is_alive()  # the chat goes on
    shared.turns.rest(shared.chat)
    assert ended(idle)


def test_a_completion_does_not_wait_behind_idle_work(shared: Shared) -> None:
    """Which waits for a chat, in the same engine."""
    with shared.turns.step(shared.chat, Priority.CHAT):
        idle = shared.waiting(shared.typing, Priority.IDLE, "idle")
    shared.turns.hurry(shared.typing, Priority.IDLE)
    assert idle.is_alive()
    shared.turns.hurry(shared.typing, Priority.COMPLETION)
    assert ended(idle)
    shared.turns.rest(shared.typing)
    shared.turns.hurry(shared.typing, Priority.COMPLETION)  # it plans anew anyway
    assert ended(shared.waiting(shared.chat, Priority.CHAT, "chat"))


def test_a_chat_does_not_wait_for_ever(shared: Shared) -> None:
    with shared.turns.step(shared.typing, Priority.COMPLETION):
        chat = shared.waiting(shared.chat, Priority.CHAT, "chat")
    shared.clock.now += PATIENCE_S
    shared.look_again()
    assert ended(chat)
    # It was one step: the next one waits anew.
    again = shared.waiting(shared.chat, Priority.CHAT, "chat")
    assert again.is_alive()
    shared.turns.rest(shared.typing)
    assert ended(again)


def test_who_has_waited_too_long_goes_before_the_next_completion(shared: Shared) -> None:
    with shared.turns.step(shared.typing, Priority.COMPLETION):
        chat = shared.waiting(shared.chat, Priority.CHAT, "chat")
        shared.clock.now += PATIENCE_S
    typing = shared.waiting(shared.typing, Priority.COMPLETION, "typing")
    assert ended(chat)
    assert ended(typing)
    assert shared.steps == ["chat", "typing"]


def test_equals_take_turns(shared: Shared) -> None:
    with shared.turns.step(shared.typing, Priority.CHAT):
        chat = shared.waiting(shared.chat, Priority.CHAT, "chat")
        shared.clock.now += 1
    again = shared.waiting(shared.typing, Priority.CHAT, "typing")
    assert ended(chat)
    assert ended(again)
    assert shared.steps == ["chat", "typing"]


def test_a_step_that_fails_gives_the_device_back(shared: Shared) -> None:
    with fails(), shared.turns.step(shared.typing, Priority.COMPLETION):
        raise MemoryError
    shared.turns.rest(shared.typing)
    assert ended(shared.waiting(shared.chat, Priority.CHAT, "chat"))


def test_an_engine_that_ends_is_waited_for_no_longer(shared: Shared) -> None:
    with shared.turns.step(shared.typing, Priority.COMPLETION):
        chat = shared.waiting(shared.chat, Priority.CHAT, "chat")
    assert chat.is_alive()
    shared.turns.leave(shared.typing)
    assert ended(chat)


def test_nobody_stands_still_among_many() -> None:
    """With real time: every thread gets through, whatever the others do."""
    turns = DeviceTurns(patience_s=0.001)
    inside = 0

    def work(priority: Priority) -> None:
        nonlocal inside
        place = turns.join()
        for _ in range(50):
            with turns.step(place, priority):
                inside += 1
                assert inside == 1
                inside -= 1
        turns.leave(place)

    threads = [threading.Thread(target=work, args=(p,)) for p in (*Priority, *Priority)]
    for thread in threads:
        thread.start()
    assert all(ended(thread) for thread in threads)
    assert inside == 0


@contextmanager
def fails() -> Iterator[None]:
    with pytest.raises(MemoryError):
        yield
